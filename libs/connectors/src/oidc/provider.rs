use std::sync::Arc;

use insula_ambient::{Clock, Timestamp};
use insula_connector_kit::ConnectorError;
use insula_jose::{Claims, Expected, Jwks, VerifyError};
use insula_oauth::CodeChallengeMethod;
use serde::Deserialize;
use url::Url;

use super::settings::Settings;
use crate::http::{Ask, Remembered, Upstream};

/// What discovery says (OpenID Connect Discovery §3), as far as we ask.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    jwks_uri: Option<String>,
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    code_challenge_methods_supported: Vec<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// An OpenID Provider as it was discovered, and the keys it signs with.
pub(super) struct Provider {
    pub(super) issuer: String,
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: Url,
    pub(super) userinfo_endpoint: Option<Url>,
    pub(super) pkce_method: Option<CodeChallengeMethod>,
    /// Whether it says that it takes credentials in the body and not by HTTP Basic.
    pub(super) only_body_auth: bool,
    /// RFC 9207 §3.
    pub(super) always_tells_issuer: bool,
    jwks_uri: Url,
    keys: Remembered<Jwks>,
}

impl Provider {
    /// Asks the upstream for its metadata.
    pub(super) async fn discover(
        upstream: &Upstream,
        settings: &Settings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConnectorError> {
        let base = settings.issuer.trim_end_matches('/');
        let document = parse_url(
            &format!("{base}/.well-known/openid-configuration"),
            "discovery",
        )?;
        let answer = upstream
            .ask(Ask::get(document).following_redirects())
            .await?;
        let metadata = answer
            .ok("discovery document")?
            .json("discovery document")?;
        Self::from_metadata(metadata, settings, clock)
    }

    fn from_metadata(
        metadata: Metadata,
        settings: &Settings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConnectorError> {
        // OpenID Connect Discovery §4.3: else one provider could speak in the name of another.
        if metadata.issuer != settings.expected_issuer() {
            return Err(ConnectorError::Upstream(format!(
                "the discovery document names the issuer {:?}, not {:?}; write that one as issuer, \
                 or as issuerAlias if it is meant",
                metadata.issuer.chars().take(255).collect::<String>(),
                settings.expected_issuer()
            )));
        }
        let overrides = &settings.provider_discovery_overrides;
        let offered = |word: &str| {
            let mut methods = metadata.code_challenge_methods_supported.iter();
            methods.any(|method| method == word)
        };
        let auto = [CodeChallengeMethod::S256, CodeChallengeMethod::Plain]
            .into_iter()
            .find(|method| offered(method.as_str()));
        let auth_methods = &metadata.token_endpoint_auth_methods_supported;
        let takes = |word: &str| auth_methods.iter().any(|method| method == word);
        let authorization_endpoint = endpoint(
            &overrides.authorization,
            metadata.authorization_endpoint.as_deref(),
            "authorization_endpoint",
        )?;
        let userinfo_endpoint = endpoint(
            &overrides.userinfo,
            metadata.userinfo_endpoint.as_deref(),
            "userinfo_endpoint",
        );
        Ok(Self {
            authorization_endpoint: authorization_endpoint.into(),
            token_endpoint: endpoint(
                &overrides.token,
                metadata.token_endpoint.as_deref(),
                "token_endpoint",
            )?,
            userinfo_endpoint: userinfo_endpoint.ok(),
            pkce_method: settings.pkce().or(auto),
            only_body_auth: takes("client_secret_post") && !takes("client_secret_basic"),
            always_tells_issuer: metadata.authorization_response_iss_parameter_supported,
            jwks_uri: endpoint(&overrides.jwks, metadata.jwks_uri.as_deref(), "jwks_uri")?,
            keys: Remembered::new(clock),
            issuer: metadata.issuer,
        })
    }

    /// Verifies one of its ID tokens for us (OpenID Connect Core §3.1.3.7).
    ///
    /// A key it does not know makes it fetch the keys anew, once: the upstream may have changed
    /// them.
    pub(super) async fn verify(
        &self,
        upstream: &Upstream,
        id_token: &str,
        client_id: &str,
        now: Timestamp,
    ) -> Result<Claims, ConnectorError> {
        let expected = Expected::from_issuer(&*self.issuer).for_audience(client_id);
        let keys = self.keys.get(self.fetch_keys(upstream)).await?;
        let mut verdict = keys.verify(id_token, now, &expected);
        if verdict == Err(VerifyError::UnknownKid)
            && let Some(newer) = self
                .keys
                .newer_than(&keys, self.fetch_keys(upstream))
                .await?
        {
            verdict = newer.verify(id_token, now, &expected);
        }
        let claims = verdict.map_err(|cause| {
            ConnectorError::BadReply(format!("its ID token is refused: {cause}"))
        })?;
        if claims.get("azp").is_some_and(|azp| azp != client_id) {
            return Err(ConnectorError::BadReply(
                "its ID token was made for another client".into(),
            ));
        }
        Ok(claims)
    }

    async fn fetch_keys(&self, upstream: &Upstream) -> Result<Jwks, ConnectorError> {
        let ask = Ask::get(self.jwks_uri.clone()).following_redirects();
        let answer = upstream.ask(ask).await?.ok("keys")?;
        let text = str::from_utf8(&answer.body)
            .map_err(|_| ConnectorError::BadReply("its keys are not text".to_owned()))?;
        Jwks::parse(text).map_err(|cause| ConnectorError::BadReply(cause.to_string()))
    }
}

/// The override, else what discovery says.
fn endpoint(overridden: &str, told: Option<&str>, name: &str) -> Result<Url, ConnectorError> {
    let chosen = Some(overridden).filter(|text| !text.is_empty()).or(told);
    let chosen = chosen
        .ok_or_else(|| ConnectorError::Upstream(format!("the discovery document has no {name}")))?;
    parse_url(chosen, name)
}

fn parse_url(text: &str, name: &str) -> Result<Url, ConnectorError> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "https" | "http"))
        .ok_or_else(|| ConnectorError::Upstream(format!("its {name} is not a web address")))
}
