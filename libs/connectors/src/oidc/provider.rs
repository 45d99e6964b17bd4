use std::sync::Arc;

use insula_ambient::{Clock, Timestamp};
use insula_connector_kit::{ConnectorError, Document, SubjectTokenAudience};
use insula_jose::{Claims, Expected, Jwks, VerifyError, half_hash_fits};
use insula_model::ClockSkew;
use insula_oauth::CodeChallengeMethod;
use url::Url;

use super::settings::Settings;
use crate::http::{Ask, Remembered, Upstream};

const DISCOVERY: &str = "discovery document";
const ID_TOKEN: &str = "ID token";
pub(super) const SUBJECT_TOKEN: &str = "subject token";
pub(super) const USERINFO: &str = "userinfo";

/// An OpenID Provider as it was discovered, and the keys it signs with.
pub(super) struct Provider {
    pub(super) issuer: String,
    /// This and the next two: or why there is none, which matters to those alone who ask it. An
    /// issuer of workload identities has none of them.
    pub(super) authorization_endpoint: Result<Url, ConnectorError>,
    pub(super) token_endpoint: Result<Url, ConnectorError>,
    pub(super) userinfo_endpoint: Result<Url, ConnectorError>,
    /// Where people log out, if they can
    /// ([RP-Initiated Logout §2.1](https://openid.net/specs/openid-connect-rpinitiated-1_0.html#OPMetadata)).
    pub(super) end_session_endpoint: Option<Url>,
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
        let metadata = answer.ok(DISCOVERY)?.document(DISCOVERY)?;
        Self::from_metadata(&metadata, settings, clock)
    }

    /// Reads what discovery says (OpenID Connect Discovery §3), as far as we ask.
    fn from_metadata(
        metadata: &Document,
        settings: &Settings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConnectorError> {
        let issuer = metadata.required("issuer")?;
        // OpenID Connect Discovery §4.3: else one provider could speak in the name of another.
        if issuer != settings.expected_issuer() {
            return Err(ConnectorError::Upstream(format!(
                "the discovery document names the issuer {:?}, not {:?}; write that one as issuer, \
                 or as issuerAlias if it is meant",
                issuer.chars().take(255).collect::<String>(),
                settings.expected_issuer()
            )));
        }
        let overrides = &settings.provider_discovery_overrides;
        let offered = metadata.texts("code_challenge_methods_supported")?;
        let offered = offered.unwrap_or_default();
        let auto = [CodeChallengeMethod::S256, CodeChallengeMethod::Plain]
            .into_iter()
            .find(|method| offered.iter().any(|word| word == method.as_str()));
        let auth_methods = metadata.texts("token_endpoint_auth_methods_supported")?;
        let auth_methods = auth_methods.unwrap_or_default();
        let takes = |word: &str| auth_methods.iter().any(|method| method == word);
        let tells_issuer = metadata.flag("authorization_response_iss_parameter_supported")?;
        let at = |overridden: &str, name| endpoint(overridden, metadata, name);
        Ok(Self {
            authorization_endpoint: at(&overrides.authorization, "authorization_endpoint"),
            token_endpoint: at(&overrides.token, "token_endpoint"),
            userinfo_endpoint: at(&overrides.userinfo, "userinfo_endpoint"),
            end_session_endpoint: at(&overrides.end_session, "end_session_endpoint").ok(),
            pkce_method: settings.pkce().or(auto),
            only_body_auth: takes("client_secret_post") && !takes("client_secret_basic"),
            always_tells_issuer: tells_issuer.unwrap_or_default(),
            jwks_uri: at(&overrides.jwks, "jwks_uri")?,
            keys: Remembered::new(clock),
            issuer: issuer.to_owned(),
        })
    }

    /// Verifies one of its ID tokens for us (OpenID Connect Core §3.1.3.7), that came together with
    /// an access token.
    pub(super) async fn id_token(
        &self,
        upstream: &Upstream,
        id_token: &str,
        access_token: &str,
        us: &RelyingParty<'_>,
        now: Timestamp,
    ) -> Result<Document, ConnectorError> {
        let expected = us.expects(&self.issuer);
        let claims = self.verified(upstream, ID_TOKEN, id_token, &expected, now);
        let claims = claims.await?;
        let refused = |why: &str| ConnectorError::BadReply(format!("its {ID_TOKEN} {why}"));
        // Core §2 requires both; `iss`, `aud` and `exp` were looked at with the signature.
        if claims.timestamp("iat").is_none() {
            return Err(refused("has no \"iat\", or one that is no time"));
        }
        let token = Document::of(ID_TOKEN, claims.clone().into_map());
        token.required("sub")?;
        match token.get("azp") {
            Some(azp) if azp != us.client_id => {
                return Err(refused("was made for another client: \"azp\" names it"));
            }
            None if claims.audience().iter().any(|aud| *aud != us.client_id) => {
                return Err(refused("is for several audiences and has no \"azp\""));
            }
            _ => {}
        }
        // Core §3.1.3.8: else another access token could have been slipped in.
        if token.get("at_hash").is_some() {
            let fits = half_hash_fits(id_token, access_token, token.required("at_hash")?);
            if fits != Ok(true) {
                return Err(refused(
                    "came with another access token: \"at_hash\" differs",
                ));
            }
        }
        Ok(token)
    }

    /// Verifies a token of its that somebody shows in place of a login.
    ///
    /// It must be as good as an ID token but for whom it was made: that is said by the caller. Nobody
    /// keeps count of the tokens that were shown: one may be shown again as long as it is good, as a
    /// job does that needs more than one token.
    pub(super) async fn subject_token(
        &self,
        upstream: &Upstream,
        token: &str,
        audience: SubjectTokenAudience<'_>,
        us: &RelyingParty<'_>,
        now: Timestamp,
    ) -> Result<Claims, ConnectorError> {
        let skew = us.clock_skew;
        let expected = Expected::from_issuer(&self.issuer).with_leeways(
            skew.after_end,
            skew.before_begin,
            skew.issued_ahead,
        );
        let claims = self.verified(upstream, SUBJECT_TOKEN, token, &expected, now);
        let claims = claims.await?;
        let refused = |why: &str| ConnectorError::BadReply(format!("its {SUBJECT_TOKEN} {why}"));
        if claims.timestamp("iat").is_none() {
            return Err(refused("has no \"iat\", or one that is no time"));
        }
        let told = claims.audience();
        let is_client = |one: &str| !us.client_id.is_empty() && one == us.client_id;
        let is_meant = |one: &str| match audience {
            SubjectTokenAudience::Anybody => true,
            SubjectTokenAudience::OneOf(names) => names.iter().any(|name| name == one),
            SubjectTokenAudience::Us(issuer) => one == issuer || is_client(one),
        };
        let is_for_anybody = matches!(audience, SubjectTokenAudience::Anybody);
        if !is_for_anybody && !told.iter().any(|one| is_meant(one)) {
            return Err(refused("was made for somebody else: \"aud\" names them"));
        }
        // One for several was given to whoever asked for it: that must be one of ours, as Core §2 has it of
        // ID tokens, or any of its audiences could show it here.
        if let Some(azp) = claims
            .get("azp")
            .filter(|_| told.len() > 1 && !is_for_anybody)
        {
            let is_ours = |azp: &str| is_meant(azp) || is_client(azp);
            if !azp.as_str().is_some_and(is_ours) {
                return Err(refused("was made for another client: \"azp\" names it"));
            }
        }
        Ok(claims)
    }

    /// Verifies userinfo that came as a JWT (OpenID Connect Core §5.3.2): its issuer and audience
    /// must be told, its end need not.
    pub(super) async fn signed_userinfo(
        &self,
        upstream: &Upstream,
        jwt: &str,
        us: &RelyingParty<'_>,
        now: Timestamp,
    ) -> Result<Document, ConnectorError> {
        let expected = us.expects(&self.issuer).even_expired();
        let claims = self
            .verified(upstream, USERINFO, jwt, &expected, now)
            .await?;
        let end = claims.get("exp").map(|_| claims.timestamp("exp"));
        let is_over = |end: Timestamp| now >= end + us.clock_skew.after_end;
        if end.is_some_and(|end| end.is_none_or(is_over)) {
            return Err(ConnectorError::BadReply(format!(
                "its {USERINFO} is refused: {}",
                VerifyError::Expired
            )));
        }
        Ok(Document::of(USERINFO, claims.into_map()))
    }

    /// Verifies a JWT of its.
    ///
    /// One that no key verifies makes it fetch the keys anew, once: the upstream may have changed
    /// them, under another `kid` or under the same.
    async fn verified(
        &self,
        upstream: &Upstream,
        what: &str,
        jwt: &str,
        expected: &Expected<'_>,
        now: Timestamp,
    ) -> Result<Claims, ConnectorError> {
        let keys = self.keys.get(self.fetch_keys(upstream)).await?;
        let mut verdict = keys.verify(jwt, now, expected);
        let may_be_rotated = matches!(
            verdict,
            Err(VerifyError::UnknownKid | VerifyError::BadSignature | VerifyError::AlgMismatch)
        );
        if may_be_rotated {
            let fetch = self.fetch_keys(upstream);
            let newer = self.keys.newer_than(&keys, fetch, Jwks::has_more_than);
            if let Some(newer) = newer.await? {
                verdict = newer.verify(jwt, now, expected);
            }
        }
        verdict.map_err(|cause| ConnectorError::BadReply(format!("its {what} is refused: {cause}")))
    }

    async fn fetch_keys(&self, upstream: &Upstream) -> Result<Jwks, ConnectorError> {
        let ask = Ask::get(self.jwks_uri.clone()).following_redirects();
        let answer = upstream.ask(ask).await?.ok("keys")?;
        let text = str::from_utf8(&answer.body)
            .map_err(|_| ConnectorError::BadReply("its keys are not text".to_owned()))?;
        Jwks::parse(text).map_err(|cause| ConnectorError::BadReply(cause.to_string()))
    }
}

/// Us, as one provider knows us.
pub(super) struct RelyingParty<'a> {
    pub(super) client_id: &'a str,
    pub(super) clock_skew: ClockSkew,
}

impl<'a> RelyingParty<'a> {
    fn expects(&self, issuer: &'a str) -> Expected<'a> {
        let skew = self.clock_skew;
        Expected::from_issuer(issuer)
            .for_audience(self.client_id)
            .with_leeways(skew.after_end, skew.before_begin, skew.issued_ahead)
    }
}

/// The override, else what discovery says.
fn endpoint(overridden: &str, metadata: &Document, name: &str) -> Result<Url, ConnectorError> {
    if !overridden.is_empty() {
        return parse_url(overridden, name);
    }
    match metadata.text(name)? {
        Some(told) => parse_url(&told, name),
        None => Err(ConnectorError::Upstream(format!(
            "its {DISCOVERY} has no {name:?}"
        ))),
    }
}

fn parse_url(text: &str, name: &str) -> Result<Url, ConnectorError> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "https" | "http"))
        .ok_or_else(|| ConnectorError::Upstream(format!("its {name} is not a web address")))
}
