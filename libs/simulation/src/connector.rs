use std::sync::Arc;

use async_trait::async_trait;
use insula_connector_kit::{
    Capabilities, Challenge, Connector, ConnectorError, LoginContext, Memory, OpenConnector,
    OpenContext, Reply, UpstreamIdentity,
};
use insula_model::{ConnectorSpec, IdentityClaims, Issuer, UserId};
use insula_testkit::{FakeConnector, jane};
use serde_json::json;

/// An upstream that believes everybody: who comes back is who they say they are.
pub(crate) struct Upstream;

#[async_trait]
impl Connector for Upstream {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            refresh: true,
            password: false,
        }
    }

    async fn begin(&self, ctx: &LoginContext) -> Result<Challenge, ConnectorError> {
        Ok(Challenge::Redirect {
            to: format!("https://upstream.test/authorize?state={}", ctx.state),
            memory: json!({}),
        })
    }

    async fn complete(
        &self,
        _: &LoginContext,
        _: &Memory,
        reply: Reply,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let Reply::Query(params) = reply else {
            return Err(ConnectorError::BadReply("it is not a query".to_owned()));
        };
        let name = params.get("code").unwrap_or_default();
        let user_id = UserId::parse(name)
            .map_err(|_| ConnectorError::BadReply("nobody has that name".to_owned()))?;
        Ok(UpstreamIdentity {
            claims: IdentityClaims {
                user_id,
                username: name.to_owned(),
                preferred_username: name.to_owned(),
                email: address_of(name),
                ..jane()
            },
            connector_data: Some(name.as_bytes().to_vec()),
            ..FakeConnector::identity()
        })
    }

    async fn refresh(
        &self,
        _: &LoginContext,
        known: &UpstreamIdentity,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        Ok(known.clone())
    }
}

/// Opens [`Upstream`] whatever is configured.
pub(crate) struct Upstreams;

#[async_trait]
impl OpenConnector for Upstreams {
    fn check(&self, _: &ConnectorSpec, _: &Issuer) -> Vec<String> {
        Vec::new()
    }

    async fn open(
        &self,
        _: &ConnectorSpec,
        _: &OpenContext,
    ) -> Result<Arc<dyn Connector>, ConnectorError> {
        Ok(Arc::new(Upstream))
    }
}

/// The mail address of a person.
pub(crate) fn address_of(name: &str) -> String {
    format!("{name}@example.test")
}
