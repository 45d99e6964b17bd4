use std::sync::Arc;

use async_trait::async_trait;
use insula_ambient::{Clock, Entropy};
use insula_model::{ConnectorSpec, Issuer, Rules};

use crate::{Connector, ConnectorError, PasswordBook, PasswordCheck};

/// What a connector is opened with, beside its own settings.
#[derive(Clone)]
pub struct OpenContext {
    /// The tenant's issuer.
    pub issuer: Issuer,
    /// The tenant's rules.
    pub rules: Rules,
    /// The people of the tenant's password DB.
    pub passwords: Arc<dyn PasswordBook>,
    /// The tenant's share of the hashing pool.
    pub hashing: Arc<dyn PasswordCheck>,
    /// How many calls at once may be under way to one upstream.
    pub upstream_calls: u32,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// Makes connectors of specs: the registry of all kinds there are.
#[async_trait]
pub trait OpenConnector: Send + Sync + 'static {
    /// Checks the settings without touching the network; answers every problem, in words a person
    /// can act on. Empty if `open` may succeed.
    fn check(&self, spec: &ConnectorSpec, issuer: &Issuer) -> Vec<String>;

    /// Opens one. An upstream that cannot be reached now is no error: the connector tries again
    /// when it is used.
    async fn open(
        &self,
        spec: &ConnectorSpec,
        ctx: &OpenContext,
    ) -> Result<Arc<dyn Connector>, ConnectorError>;
}
