use async_trait::async_trait;
use insula_connector_kit::{ConnectorError, PasswordCheck, PasswordVerdict};
use insula_model::Password;

/// Computes nothing and finds every password wrong: for tests in which nobody has one.
#[derive(Debug, Clone, Copy)]
pub struct NoHashing;

#[async_trait]
impl PasswordCheck for NoHashing {
    async fn check(
        &self,
        _: Password,
        _: Option<String>,
    ) -> Result<PasswordVerdict, ConnectorError> {
        Ok(PasswordVerdict::Wrong)
    }
}
