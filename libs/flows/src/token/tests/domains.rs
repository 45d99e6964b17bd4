//! A connector with domains vouches for addresses of those alone, whatever grant asks it.

use std::sync::Arc;

use async_trait::async_trait;
use insula_connector_kit::{
    Capabilities, Challenge, Connector, ConnectorError, ExchangedIdentity, LoginContext, Memory,
    Reply, SubjectToken, UpstreamIdentity,
};
use insula_engine::Refusal;
use insula_model::{ConnectorId, IdentityClaims, TenantSpec};
use insula_oauth::{GrantType, TokenResponse};
use insula_testkit::{FakeConnector, a_client, a_tenant, jane};
use serde_json::Map;

use super::refresh::{refresh_token, refreshed, tokens_with_data};
use crate::testing::{app, exchange, form, reconfigured, refusal, view};
use crate::{FlowError, OpenedConnector, TenantView};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// Tells of somebody with this address, however it is asked.
struct Telling(&'static str);

impl Telling {
    fn person(&self) -> UpstreamIdentity {
        UpstreamIdentity {
            claims: IdentityClaims {
                email: self.0.to_owned(),
                ..jane()
            },
            ..FakeConnector::identity()
        }
    }
}

#[async_trait]
impl Connector for Telling {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            refresh: true,
            password: true,
            exchange: true,
        }
    }

    async fn begin(&self, _: &LoginContext) -> Result<Challenge, ConnectorError> {
        Err(ConnectorError::Unsupported("logins by redirect"))
    }

    async fn complete(
        &self,
        _: &LoginContext,
        _: &Memory,
        _: Reply,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        Ok(self.person())
    }

    async fn refresh(
        &self,
        _: &LoginContext,
        _: &UpstreamIdentity,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        Ok(self.person())
    }

    async fn exchange(&self, _: SubjectToken<'_>) -> Result<ExchangedIdentity, ConnectorError> {
        Ok(ExchangedIdentity {
            identity: self.person(),
            claims: Map::new(),
            auth_time: None,
        })
    }
}

/// The tenant, whose connector is of `example.test` and tells of this address.
fn telling(view: &TenantView, address: &'static str) -> TenantView {
    let connectors = view.connectors.iter().map(|connector| OpenedConnector {
        opened: Ok(Arc::new(Telling(address)) as _),
        ..connector.clone()
    });
    let view = TenantView {
        connectors: Arc::new(connectors.collect()),
        ..view.clone()
    };
    reconfigured(&view, |spec: &mut TenantSpec| {
        for one in &mut spec.connectors {
            Arc::make_mut(one).domains = vec!["example.test".to_owned()];
        }
    })
}

#[tokio::test]
async fn a_refresh_that_tells_an_address_of_another_domain_ends_the_login() {
    let (view, _) = view(a_tenant());
    let token = refresh_token(&tokens_with_data(&view).await);
    let at_home = refreshed(&telling(&view, "jane@example.test"), &token).await;
    let token = refresh_token(&at_home.unwrap());
    let elsewhere = refreshed(&telling(&view, "jane@globex.test"), &token).await;
    assert!(matches!(refusal(elsewhere), Refusal::RefreshDenied { .. }));
}

#[tokio::test]
async fn a_password_of_somebody_with_an_address_of_another_domain_gets_no_tokens() {
    let grants = [GrantType::Password, GrantType::RefreshToken];
    let tenant = a_tenant()
        .with_client(a_client().with_grants(&grants))
        .with(|spec| {
            spec.oauth2.password_connector = Some(ConnectorId::parse("mock").unwrap());
            spec.oauth2.grant_types.push(GrantType::Password);
        });
    let (view, _) = view(tenant);
    let asked = async |address| -> Result<TokenResponse, FlowError> {
        let params = form(&[
            ("grant_type", "password"),
            ("username", "jane"),
            ("password", "right"),
            ("scope", "openid"),
        ]);
        exchange(&telling(&view, address), Some(&app()), &params).await
    };
    assert!(asked("jane@example.test").await.is_ok());
    let refused = refusal(asked("jane@globex.test").await);
    assert_eq!(refused, Refusal::WrongPassword);
}

#[tokio::test]
async fn a_token_of_somebody_with_an_address_of_another_domain_is_exchanged_for_none() {
    let grants = [GrantType::TokenExchange];
    let tenant = a_tenant()
        .dex()
        .with_client(a_client().with_grants(&grants))
        .with(|spec| spec.oauth2.grant_types.push(GrantType::TokenExchange));
    let (view, _) = view(tenant);
    let asked = async |address| -> Result<TokenResponse, FlowError> {
        let params = form(&[
            (
                "grant_type",
                "urn:ietf:params:oauth:grant-type:token-exchange",
            ),
            ("connector_id", "mock"),
            ("subject_token", "token"),
            ("subject_token_type", ACCESS_TOKEN),
            ("scope", "openid"),
        ]);
        exchange(&telling(&view, address), Some(&app()), &params).await
    };
    asked("jane@example.test").await.unwrap();
    let refused = refusal(asked("jane@globex.test").await);
    assert!(
        matches!(refused, Refusal::SubjectTokenRefused(_)),
        "{refused:?}"
    );
}
