//! An identity provider that speaks SAML 2.0 as an upstream.

mod identity;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use insula_ambient::{Entropy, Timestamp};
use insula_connector_kit::{
    Capabilities, Challenge, Connector, ConnectorError, ConnectorMetadata, LoginContext, Memory,
    OpenContext, Reply, UpstreamIdentity, random_text,
};
use insula_model::{ConnectorId, ConnectorSpec, Issuer};
use insula_oauth::Params;
use insula_saml::{Assertion, AuthnRequest, Expected, Metadata, Refused, ServiceProvider, Why};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::warn;

use self::settings::Settings;
use crate::callback;

/// Everything that is wrong with the settings.
pub(crate) fn check(spec: &ConnectorSpec, issuer: &Issuer) -> Vec<String> {
    Settings::read(&spec.config).problems(|settings| settings.problems(spec, issuer))
}

/// Sends people to an identity provider with a form, and reads the one that they come back with.
pub(crate) struct Saml {
    id: ConnectorId,
    settings: Settings,
    name_format: &'static str,
    /// What assertions are encrypted for, in base64.
    certificates: Vec<String>,
    provider: Arc<ServiceProvider>,
    clock_skew: Duration,
    entropy: Arc<dyn Entropy>,
}

/// What is kept of a login between the question and the answer. The ID of the request is in this one
/// login alone, so that a response counts for no other, and for this one once.
#[derive(Serialize, Deserialize)]
struct Asked {
    request: String,
    /// When a new proof was demanded; an older one is not enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fresh_since: Option<Timestamp>,
}

impl Saml {
    pub(crate) fn open(spec: &ConnectorSpec, ctx: &OpenContext) -> Result<Self, ConnectorError> {
        let reading = Settings::read(&spec.config);
        let settings = reading.usable(|settings| settings.problems(spec, &ctx.issuer))?;
        let wrong = ConnectorError::Settings;
        let name_format = settings.name_format();
        let name_format = name_format.ok_or_else(|| wrong("nameIDPolicyFormat".to_owned()))?;
        let provider = ServiceProvider {
            signatures: settings.signatures().map_err(wrong)?,
            decryption: settings.decryption().map_err(wrong)?,
        };
        if matches!(provider.signatures, insula_saml::Signatures::Ignored) {
            let id = &spec.id;
            warn!(connector.id = %id, "connector {id} believes everybody: signatures are ignored");
        }
        Ok(Self {
            id: spec.id.clone(),
            name_format,
            certificates: settings.certificates().map_err(wrong)?,
            provider: Arc::new(provider),
            clock_skew: spec.clock_skew.of_assertions(),
            entropy: Arc::clone(&ctx.entropy),
            settings,
        })
    }

    /// Reads a response beside the threads that serve: decrypting and verifying may take milliseconds.
    async fn believed(
        &self,
        ctx: &LoginContext,
        asked: Asked,
        response: String,
    ) -> Result<Assertion, ConnectorError> {
        let provider = Arc::clone(&self.provider);
        let acs_url = ctx.callback_url.clone();
        let audience = self.settings.audience(&acs_url).to_owned();
        let issuer = self.settings.sso_issuer.clone();
        let (skew, now) = (self.clock_skew, ctx.now);
        let read = tokio::task::spawn_blocking(move || {
            let expected = Expected {
                request_id: &asked.request,
                acs_url: &acs_url,
                audience: &audience,
                issuer: (!issuer.is_empty()).then_some(issuer.as_str()),
                fresh_since: asked.fresh_since,
                skew,
                now,
            };
            provider.read(&response, &expected)
        });
        match read.await {
            Ok(Ok(assertion)) => Ok(assertion),
            Ok(Err(refused)) => Err(self.refused(&refused)),
            Err(_) => Err(ConnectorError::BadReply("it cannot be read".to_owned())),
        }
    }

    /// The person is told a reason, whoever runs the server also what there was instead.
    fn refused(&self, refused: &Refused) -> ConnectorError {
        let (id, why) = (&self.id, refused.why);
        let seen = refused.seen.as_deref().unwrap_or("nothing");
        warn!(connector.id = %id, "connector {id} does not take a response: {why}; seen: {seen:?}");
        match why {
            Why::Declined => ConnectorError::Declined,
            Why::Failed => ConnectorError::SaidToFail(why.to_string()),
            _ => ConnectorError::BadReply(why.to_string()),
        }
    }
}

/// The one message of a posted form (Bindings §3.5.4).
fn response(params: &Params) -> Result<String, ConnectorError> {
    let bad = |what: &str| ConnectorError::BadReply(what.to_owned());
    if params.duplicate().is_some() {
        return Err(bad("a parameter came twice"));
    }
    if params.get("SAMLRequest").is_some() {
        return Err(bad("it is a request, not a response"));
    }
    let response = params.get("SAMLResponse");
    Ok(response
        .ok_or_else(|| bad("it carries no SAMLResponse"))?
        .to_owned())
}

#[async_trait]
impl Connector for Saml {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            refresh: true,
            password: false,
            exchange: false,
        }
    }

    fn metadata(&self, callback_url: &str) -> Option<ConnectorMetadata> {
        let metadata = Metadata {
            entity_id: self.settings.audience(callback_url),
            acs_url: callback_url,
            name_format: self.name_format,
            encryption: &self.certificates,
        };
        Some(ConnectorMetadata {
            // Metadata §7.1
            media_type: "application/samlmetadata+xml",
            body: metadata.xml(),
        })
    }

    async fn begin(&self, ctx: &LoginContext) -> Result<Challenge, ConnectorError> {
        callback::must_be(&self.settings.redirect_uri, &ctx.callback_url)?;
        // An ID begins with a letter or a low line (XML Schema, NCName).
        let request = format!("_{}", random_text(self.entropy.as_ref()));
        let issuer = &self.settings.entity_issuer;
        let encoded = AuthnRequest {
            id: &request,
            sso_url: &self.settings.sso_url,
            acs_url: &ctx.callback_url,
            issuer: (!issuer.is_empty()).then_some(issuer.as_str()),
            name_format: self.name_format,
            force: ctx.force_login,
            now: ctx.now,
        }
        .encoded();
        let state = ctx.state.as_str().to_owned();
        Ok(Challenge::PostForm {
            to: self.settings.sso_url.clone(),
            fields: vec![
                ("SAMLRequest".to_owned(), encoded),
                ("RelayState".to_owned(), state),
            ],
            memory: json!(Asked {
                request,
                fresh_since: ctx.force_login.then_some(ctx.now),
            }),
        })
    }

    async fn complete(
        &self,
        ctx: &LoginContext,
        memory: &Memory,
        reply: Reply,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        callback::must_be(&self.settings.redirect_uri, &ctx.callback_url)?;
        let Reply::Form(params) = reply else {
            return Err(ConnectorError::BadReply(
                "a posted form was expected".to_owned(),
            ));
        };
        let response = response(&params)?;
        let asked: Asked = serde_json::from_value(memory.clone()).map_err(|_| {
            ConnectorError::BadReply("nothing is known of the question it answers".to_owned())
        })?;
        let assertion = self.believed(ctx, asked, response).await?;
        identity::of(&self.settings, &self.id, ctx, &assertion)
    }

    /// Nobody can be asked without the person: they are as they were when they logged in, as dex has
    /// it, as long as they are in a group that the settings let in now.
    async fn refresh(
        &self,
        _ctx: &LoginContext,
        known: &UpstreamIdentity,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        identity::again(&self.settings, known)
    }
}

#[cfg(test)]
mod tests;
