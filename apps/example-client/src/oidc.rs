//! The relying party: every step of OpenID Connect that this client takes.

mod types;

use openidconnect::core::CoreAuthenticationFlow;
use openidconnect::{
    AccessToken, AccessTokenHash, AuthorizationCode, ClientId, ClientSecret, CsrfToken, IssuerUrl,
    LogoutRequest, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier,
    PostLogoutRedirectUrl, RedirectUrl, RefreshToken, Scope, TokenResponse as _,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use self::types::{AnyIdToken, Client, Metadata, Tokens, UserInfo};
use crate::failure::Failure;
use crate::outgoing::Outgoing;

/// This client, as its issuers know it.
#[derive(Debug)]
pub(crate) struct RelyingParty {
    issuers: Vec<String>,
    client_id: ClientId,
    client_secret: ClientSecret,
    redirect_uri: RedirectUrl,
    post_logout_redirect_uri: PostLogoutRedirectUrl,
    outgoing: Outgoing,
}

/// What must be remembered between sending the browser away and its return.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    issuer: String,
    state: CsrfToken,
    nonce: Nonce,
    code_verifier: String,
}

/// What the browser brings back ([RFC 6749 §4.1.2](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2),
/// [RFC 9207](https://www.rfc-editor.org/rfc/rfc9207)).
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Callback {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// A login that succeeded, and what it gave.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) issuer: String,
    pub(crate) claims: Value,
    pub(crate) checks: Vec<String>,
    pub(crate) scopes: Option<String>,
    pub(crate) access_token: AccessToken,
    pub(crate) expires_in_seconds: Option<u64>,
    pub(crate) refresh_token: Option<RefreshToken>,
    pub(crate) userinfo: Option<Value>,
    id_token: AnyIdToken,
}

impl RelyingParty {
    /// Fails when `url` cannot carry a redirect URI.
    pub(crate) fn new(
        issuers: Vec<String>,
        client_id: String,
        client_secret: String,
        url: &Url,
        outgoing: Outgoing,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            issuers,
            client_id: ClientId::new(client_id),
            client_secret: ClientSecret::new(client_secret),
            redirect_uri: RedirectUrl::from_url(url.join("callback")?),
            post_logout_redirect_uri: PostLogoutRedirectUrl::from_url(url.join("/")?),
            outgoing,
        })
    }

    /// The issuers that may be chosen.
    pub(crate) fn issuers(&self) -> &[String] {
        &self.issuers
    }

    /// Where to send the browser, and what to remember until it returns.
    pub(crate) async fn begin(
        &self,
        issuer: &str,
        scopes: Vec<String>,
    ) -> Result<(Url, Pending), Failure> {
        let (client, _) = self.discover(issuer).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            // The crate asks for `openid` by itself.
            .add_scopes(
                scopes
                    .into_iter()
                    .filter(|scope| scope != "openid")
                    .map(Scope::new),
            )
            .set_pkce_challenge(challenge);
        let (url, state, nonce) = request.url();
        let code_verifier = verifier.into_secret();
        Ok((
            url,
            Pending {
                issuer: issuer.to_owned(),
                state,
                nonce,
                code_verifier,
            },
        ))
    }

    /// Redeems the code and verifies the ID token.
    pub(crate) async fn complete(
        &self,
        pending: Pending,
        callback: Callback,
    ) -> Result<Login, Failure> {
        const STEP: &str = "coming back from the issuer";
        if callback.state.as_ref() != Some(pending.state.secret()) {
            return Err(Failure::here(
                STEP,
                "state is not the one this login was begun with",
            ));
        }
        let (client, metadata) = self.discover(&pending.issuer).await?;
        expect_issuer(callback.iss.as_deref(), &pending.issuer, &metadata)?;
        if let Some(code) = callback.error {
            let description = callback.error_description.unwrap_or_default();
            return Err(Failure {
                step: STEP,
                code: Some(code),
                description,
            });
        }
        let Some(code) = callback.code else {
            return Err(Failure::here(
                STEP,
                "the issuer sent neither a code nor an error",
            ));
        };
        let tokens = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| Failure::from_error("finding the token endpoint", &error))?
            .set_pkce_verifier(PkceCodeVerifier::new(pending.code_verifier))
            .request_async(&self.outgoing)
            .await
            .map_err(|error| Failure::from_token_endpoint("redeeming the code", &error))?;
        let id_token = tokens.id_token().cloned().ok_or_else(|| {
            Failure::here("redeeming the code", "the token response has no ID token")
        })?;
        let nonce = pending.nonce;
        let (claims, checks) = verify(&client, &id_token, tokens.access_token(), Some(&nonce))?;
        Ok(Login {
            issuer: pending.issuer,
            claims,
            checks,
            scopes: scopes_of(&tokens),
            access_token: tokens.access_token().clone(),
            expires_in_seconds: seconds_of(&tokens),
            refresh_token: tokens.refresh_token().cloned(),
            userinfo: None,
            id_token,
        })
    }

    /// Trades the refresh token for new tokens. A new ID token must speak of the same person
    /// ([OIDC Core §12.2](https://openid.net/specs/openid-connect-core-1_0.html#RefreshTokenResponse)).
    pub(crate) async fn refresh(&self, login: &Login) -> Result<Login, Failure> {
        const STEP: &str = "refreshing";
        let Some(refresh_token) = &login.refresh_token else {
            return Err(Failure::here(
                STEP,
                "there is no refresh token; ask for offline_access",
            ));
        };
        let (client, _) = self.discover(&login.issuer).await?;
        let tokens = client
            .exchange_refresh_token(refresh_token)
            .map_err(|error| Failure::from_error("finding the token endpoint", &error))?
            .request_async(&self.outgoing)
            .await
            .map_err(|error| Failure::from_token_endpoint(STEP, &error))?;
        let mut login = login.clone();
        if let Some(id_token) = tokens.id_token() {
            let (claims, checks) = verify(&client, id_token, tokens.access_token(), None)?;
            if claims.get("sub") != login.claims.get("sub") {
                return Err(Failure::here(
                    STEP,
                    "the new ID token speaks of somebody else",
                ));
            }
            login.claims = claims;
            login.checks = checks;
            login.id_token = id_token.clone();
        }
        if let Some(rotated) = tokens.refresh_token() {
            login.refresh_token = Some(rotated.clone());
        }
        login.scopes = scopes_of(&tokens).or(login.scopes);
        login.access_token = tokens.access_token().clone();
        login.expires_in_seconds = seconds_of(&tokens);
        login.userinfo = None;
        Ok(login)
    }

    /// Asks the userinfo endpoint, and refuses an answer about somebody else.
    pub(crate) async fn userinfo(&self, login: &Login) -> Result<Value, Failure> {
        const STEP: &str = "asking the userinfo endpoint";
        let (client, _) = self.discover(&login.issuer).await?;
        let subject = login
            .claims
            .get("sub")
            .and_then(Value::as_str)
            .map(str::to_owned);
        let claims: UserInfo = client
            .user_info(
                login.access_token.clone(),
                subject.map(openidconnect::SubjectIdentifier::new),
            )
            .map_err(|error| Failure::from_error("finding the userinfo endpoint", &error))?
            .request_async(&self.outgoing)
            .await
            .map_err(|error| Failure::from_error(STEP, &error))?;
        as_json(STEP, &claims)
    }

    /// Where to send the browser to end the session at the issuer, if it offers that
    /// ([RP-Initiated Logout 1.0 §2](https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RPLogout)).
    pub(crate) async fn logout(&self, login: &Login) -> Result<Option<Url>, Failure> {
        let (_, metadata) = self.discover(&login.issuer).await?;
        let endpoint = metadata.additional_metadata().end_session_endpoint.clone();
        Ok(endpoint.map(|endpoint| {
            LogoutRequest::from(endpoint)
                .set_id_token_hint(&login.id_token)
                .set_post_logout_redirect_uri(self.post_logout_redirect_uri.clone())
                .http_get_url()
        }))
    }

    /// Reads the issuer's metadata and keys. It is read anew for each step, so that a rotated key
    /// is never missed; a busy application keeps both for as long as `Cache-Control` allows.
    async fn discover(&self, issuer: &str) -> Result<(Client, Metadata), Failure> {
        const STEP: &str = "reading the issuer's metadata";
        if !self.issuers.iter().any(|known| known == issuer) {
            return Err(Failure::here(
                STEP,
                "this client does not offer that issuer",
            ));
        }
        let issuer =
            IssuerUrl::new(issuer.to_owned()).map_err(|error| Failure::from_error(STEP, &error))?;
        let metadata = Metadata::discover_async(issuer, &self.outgoing)
            .await
            .map_err(|error| Failure::from_error(STEP, &error))?;
        let client = Client::from_provider_metadata(
            metadata.clone(),
            self.client_id.clone(),
            Some(self.client_secret.clone()),
        )
        .set_redirect_uri(self.redirect_uri.clone());
        Ok((client, metadata))
    }
}

/// The answer must come from the issuer that was asked
/// ([RFC 9207 §2.4](https://www.rfc-editor.org/rfc/rfc9207#section-2.4)).
fn expect_issuer(iss: Option<&str>, asked: &str, metadata: &Metadata) -> Result<(), Failure> {
    const STEP: &str = "checking who answered";
    let announced = metadata
        .additional_metadata()
        .authorization_response_iss_parameter_supported;
    match iss {
        Some(iss) if iss == asked => Ok(()),
        Some(iss) => Err(Failure::here(
            STEP,
            format!("{asked} was asked, but {iss} answered"),
        )),
        None if announced => Err(Failure::here(
            STEP,
            "iss is missing, though the issuer announces to send it",
        )),
        None => Ok(()),
    }
}

/// Checks signature, `iss`, `aud`, `exp`, `nonce` where one was sent, and `at_hash` where there is
/// one; answers the claims and what was checked.
fn verify(
    client: &Client,
    id_token: &AnyIdToken,
    access_token: &AccessToken,
    nonce: Option<&Nonce>,
) -> Result<(Value, Vec<String>), Failure> {
    const STEP: &str = "verifying the ID token";
    let verifier = client.id_token_verifier();
    let nonce_check = |told: Option<&Nonce>| match nonce {
        Some(sent) if told.map(Nonce::secret) != Some(sent.secret()) => {
            Err("nonce is not the one this login was begun with".to_owned())
        }
        _ => Ok(()),
    };
    let claims = id_token
        .claims(&verifier, nonce_check)
        .map_err(|error| Failure::from_error(STEP, &error))?;
    let alg = id_token
        .signing_alg()
        .map_err(|error| Failure::from_error(STEP, &error))?;
    let mut checks = vec![
        format!(
            "signature: {}, by a key that the issuer publishes",
            name_of(alg)
        ),
        "iss, aud and exp".to_owned(),
    ];
    if nonce.is_some() {
        checks.push("nonce".to_owned());
    }
    if let Some(expected) = claims.access_token_hash() {
        let key = id_token
            .signing_key(&verifier)
            .map_err(|error| Failure::from_error(STEP, &error))?;
        let actual = AccessTokenHash::from_token(access_token, alg, key)
            .map_err(|error| Failure::from_error(STEP, &error))?;
        if actual != *expected {
            return Err(Failure::here(
                STEP,
                "at_hash does not match the access token",
            ));
        }
        checks.push("at_hash".to_owned());
    }
    Ok((as_json(STEP, claims)?, checks))
}

fn name_of(alg: &impl Serialize) -> String {
    match serde_json::to_value(alg) {
        Ok(Value::String(name)) => name,
        _ => "unknown".to_owned(),
    }
}

fn as_json(step: &'static str, claims: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(claims).map_err(|error| Failure::from_error(step, &error))
}

fn scopes_of(tokens: &Tokens) -> Option<String> {
    let scopes = tokens.scopes()?;
    Some(
        scopes
            .iter()
            .map(|scope| scope.as_str())
            .collect::<Vec<_>>()
            .join(" "),
    )
}

fn seconds_of(tokens: &Tokens) -> Option<u64> {
    tokens.expires_in().map(|duration| duration.as_secs())
}

#[cfg(test)]
mod tests;
