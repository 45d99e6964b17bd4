use data_encoding::BASE64URL_NOPAD;
use insula_ambient::Entropy;
use insula_jose::sha256;
use insula_oauth::{CodeChallengeMethod, CodeVerifier, Params};
use insula_secret::Secret;
use serde_json::Value;
use url::Url;

use crate::{ConnectorError, Document};

/// The secret of a login at an OAuth upstream: proves that who redeems the code is who asked for it
/// ([RFC 7636](https://www.rfc-editor.org/rfc/rfc7636)). Kept in the challenge's memory.
#[derive(Clone, PartialEq, Eq)]
pub struct PkcePair {
    method: CodeChallengeMethod,
    verifier: CodeVerifier,
}

impl PkcePair {
    /// 256 random bits, as RFC 7636 §4.1 recommends.
    pub fn generate(method: CodeChallengeMethod, entropy: &dyn Entropy) -> Self {
        Self {
            method,
            verifier: CodeVerifier::new(random_text(entropy)),
        }
    }

    /// `code_challenge_method`.
    pub fn method(&self) -> CodeChallengeMethod {
        self.method
    }

    /// `code_challenge`, for the authorization request.
    pub fn challenge(&self) -> String {
        match self.method {
            CodeChallengeMethod::S256 => {
                BASE64URL_NOPAD.encode(&sha256(self.reveal_verifier().as_bytes()))
            }
            CodeChallengeMethod::Plain => self.reveal_verifier().to_owned(),
        }
    }

    /// `code_verifier`, for the token request.
    pub fn reveal_verifier(&self) -> &str {
        self.verifier.reveal()
    }
}

impl std::fmt::Debug for PkcePair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PkcePair({})", self.method.as_str())
    }
}

/// 256 random bits in base64url: a nonce, a verifier.
pub fn random_text(entropy: &dyn Entropy) -> String {
    let mut bytes = [0_u8; 32];
    entropy.fill(&mut bytes);
    BASE64URL_NOPAD.encode(&bytes)
}

/// The URL of an authorization request. A query the endpoint has of its own is kept
/// ([RFC 6749 §3.1](https://www.rfc-editor.org/rfc/rfc6749#section-3.1)).
///
/// ```
/// use insula_connector_kit::authorization_url;
/// let url = authorization_url("https://idp.example/auth?tenant=a", &[("client_id", "us")])?;
/// assert_eq!(url, "https://idp.example/auth?tenant=a&client_id=us");
/// # Ok::<(), insula_connector_kit::ConnectorError>(())
/// ```
pub fn authorization_url(
    endpoint: &str,
    parameters: &[(&str, &str)],
) -> Result<String, ConnectorError> {
    let mut url = Url::parse(endpoint)
        .ok()
        .filter(|url| matches!(url.scheme(), "https" | "http"))
        .ok_or_else(|| {
            ConnectorError::Upstream("its authorization endpoint is not a web address".to_owned())
        })?;
    url.set_fragment(None);
    url.query_pairs_mut().extend_pairs(parameters);
    Ok(url.into())
}

/// What the upstream's redirect must say of who sent it
/// ([RFC 9207](https://www.rfc-editor.org/rfc/rfc9207)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RedirectFrom<'a> {
    /// The issuer that was asked; an `iss` of another one is a mix-up.
    pub issuer: Option<&'a str>,
    /// Whether it promised to send `iss`, so that its absence is a forgery.
    pub always_tells: bool,
}

/// Reads the authorization code out of the redirect an upstream answered with (RFC 6749 §4.1.2).
///
/// `access_denied` is a no, the person's or the upstream's; any other error is said to be the
/// upstream's failure.
/// Only the registered word is repeated, never a description a stranger could have written.
pub fn read_code(params: &Params, from: RedirectFrom<'_>) -> Result<String, ConnectorError> {
    let bad = |what: &str| Err(ConnectorError::BadReply(what.to_owned()));
    if params.duplicate().is_some() {
        return bad("a parameter came twice");
    }
    match (params.get("iss"), from.issuer) {
        (Some(told), Some(asked)) if told != asked => {
            return bad("it comes from another issuer than the one that was asked");
        }
        (None, Some(_)) if from.always_tells => return bad("it does not tell its issuer"),
        _ => {}
    }
    match params.get("error") {
        None => {}
        Some("access_denied") => return Err(ConnectorError::Declined),
        Some(error) => {
            let word = error_word(error);
            let said = format!("it answered the error {word}{}", what_helps(word));
            return Err(ConnectorError::SaidToFail(said));
        }
    }
    match params.get("code") {
        Some(code) => Ok(code.to_owned()),
        None => bad("it carries no code"),
    }
}

/// An error code as it may be repeated in a log: a registered word looks like one.
pub fn error_word(error: &str) -> &str {
    let is_word = (1..=48).contains(&error.len())
        && error
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    if is_word { error } else { "(not a word)" }
}

/// What an administrator can do about an error code; for the end of a sentence.
pub fn what_helps(word: &str) -> &'static str {
    match word {
        "invalid_client" | "unauthorized_client" => {
            "; compare the client id, the client secret and the grants allowed, here and there"
        }
        "invalid_scope" => "; ask for scopes it knows and allows this client",
        "redirect_uri_mismatch" => "; register our callback with it, to the letter",
        "server_error" | "temporarily_unavailable" => "; its own log says why",
        _ => "",
    }
}

/// What a token endpoint gave (RFC 6749 §5.1). Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct UpstreamTokens {
    /// For the upstream's own API.
    pub access_token: Secret<str>,
    /// Who it is, where the upstream speaks OpenID Connect.
    pub id_token: Option<Secret<str>>,
    /// For the next refresh.
    pub refresh_token: Option<Secret<str>>,
}

impl UpstreamTokens {
    /// Reads a successful token response. One that carries an `error` instead of a token is the
    /// upstream's failure, whatever its status.
    pub fn parse(body: &[u8]) -> Result<Self, ConnectorError> {
        let response = Document::parse("token response", body)?;
        if let Some(word) = response.get("error").and_then(Value::as_str)
            && response.get("access_token").is_none()
        {
            let word = error_word(word);
            let said = format!("its token endpoint answered {word}{}", what_helps(word));
            return Err(ConnectorError::Upstream(said));
        }
        if let Some(kind) = response.text("token_type")?
            && !kind.eq_ignore_ascii_case("bearer")
        {
            return Err(ConnectorError::BadReply(
                "its token response holds a token that is not a bearer token".to_owned(),
            ));
        }
        let optional = |name| match response.get(name) {
            None => Ok(None),
            Some(_) => response.required(name).map(|text| Some(Secret::new(text))),
        };
        Ok(Self {
            access_token: Secret::new(response.required("access_token")?),
            id_token: optional("id_token")?,
            refresh_token: optional("refresh_token")?,
        })
    }
}

impl std::fmt::Debug for UpstreamTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UpstreamTokens")
    }
}

/// The `error` of a refused token request (RFC 6749 §5.2), as far as it is one.
pub fn refused_with(body: &[u8]) -> Option<String> {
    let answer = Document::parse("error answer", body).ok()?;
    Some(error_word(answer.get("error")?.as_str()?).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use insula_ambient::SeededEntropy;

    fn read(query: &str, from: RedirectFrom<'_>) -> Result<String, ConnectorError> {
        read_code(&Params::parse(query).unwrap(), from)
    }

    #[test]
    fn a_challenge_fits_its_verifier() {
        let pair = PkcePair::generate(CodeChallengeMethod::S256, &SeededEntropy::new(1));
        let challenge = insula_oauth::CodeChallenge {
            method: pair.method(),
            value: pair.challenge(),
        };
        let verifier = insula_oauth::CodeVerifier::new(pair.reveal_verifier());
        assert!(verifier.is_well_formed() && challenge.is_well_formed());
        assert!(challenge.matches(&verifier));
        assert_eq!(format!("{pair:?}"), "PkcePair(S256)");
    }

    #[test]
    fn the_code_is_read_and_errors_are_told_apart() {
        let any = RedirectFrom::default();
        assert_eq!(read("code=c&state=s", any), Ok("c".to_owned()));
        assert_eq!(
            read("error=access_denied&error_description=Jane+said+no", any),
            Err(ConnectorError::Declined)
        );
        let failed = read("error=server_error", any).unwrap_err();
        let is_said = |said: &ConnectorError| matches!(said, ConnectorError::SaidToFail(why) if why.contains("server_error"));
        assert!(is_said(&failed), "{failed:?}");
        let helped = read("error=invalid_scope", any).unwrap_err().to_string();
        assert!(helped.contains("scopes it knows"), "{helped}");
        let odd = read("error=%3Cscript%3E", any).unwrap_err().to_string();
        assert!(!odd.contains("script"), "{odd}");
        assert!(matches!(
            read("state=s", any),
            Err(ConnectorError::BadReply(_))
        ));
        assert!(matches!(
            read("code=a&code=b", any),
            Err(ConnectorError::BadReply(_))
        ));
    }

    #[test]
    fn an_answer_of_another_issuer_is_a_mix_up() {
        let asked = |always_tells| RedirectFrom {
            issuer: Some("https://idp.example"),
            always_tells,
        };
        let right = "code=c&iss=https%3A%2F%2Fidp.example";
        let other = "code=c&iss=https%3A%2F%2Fevil.example";
        assert!(read(right, asked(true)).is_ok());
        assert!(read("code=c", asked(false)).is_ok());
        assert!(matches!(
            read(other, asked(false)),
            Err(ConnectorError::BadReply(_))
        ));
        assert!(matches!(
            read("code=c", asked(true)),
            Err(ConnectorError::BadReply(_))
        ));
        let denied = "error=access_denied&iss=https%3A%2F%2Fevil.example";
        assert!(matches!(
            read(denied, asked(false)),
            Err(ConnectorError::BadReply(_))
        ));
    }

    #[test]
    fn a_token_response_needs_a_bearer_token() {
        let parse = |body: &str| UpstreamTokens::parse(body.as_bytes());
        let tokens = parse(r#"{"access_token":"a","token_type":"Bearer","refresh_token":""}"#);
        let tokens = tokens.unwrap();
        assert_eq!((tokens.id_token, tokens.refresh_token), (None, None));
        for odd in ["", "[]", "{}", r#"{"access_token":"a","token_type":"mac"}"#] {
            assert!(parse(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_token_response_names_the_member_that_is_wrong() {
        for (body, cause) in [
            ("[]", "its token response is not a JSON object"),
            ("{}", "its token response has no \"access_token\""),
            (
                r#"{"access_token":null}"#,
                "its token response has no \"access_token\"",
            ),
            (
                r#"{"access_token":7}"#,
                "\"access_token\" in its token response is not a text",
            ),
            (
                r#"{"access_token":"a","id_token":{}}"#,
                "\"id_token\" in its token response is not a text",
            ),
            (
                r#"{"access_token":"a","token_type":{}}"#,
                "\"token_type\" in its token response is not one text",
            ),
        ] {
            let told = UpstreamTokens::parse(body.as_bytes());
            assert_eq!(
                told,
                Err(ConnectorError::BadReply(cause.to_owned())),
                "{body}"
            );
        }
        let empty = r#"{"access_token":"a","token_type":null,"id_token":null,"refresh_token":"",
            "error":""}"#;
        let tokens = UpstreamTokens::parse(empty.as_bytes()).unwrap();
        assert_eq!((tokens.id_token, tokens.refresh_token), (None, None));
        let failed = UpstreamTokens::parse(br#"{"error":"bad_verification_code"}"#);
        let cause = "its token endpoint answered bad_verification_code".to_owned();
        assert_eq!(failed, Err(ConnectorError::Upstream(cause)));
    }

    #[test]
    fn an_error_answer_that_says_nothing_has_no_word() {
        for (body, word) in [
            (r#"{"error":"invalid_grant"}"#, Some("invalid_grant")),
            (r#"{"error":"<b>"}"#, Some("(not a word)")),
            (r#"{"error":""}"#, None),
            (r#"{"error":null}"#, None),
            (r#"{"error":{"code":1}}"#, None),
            ("null", None),
            ("", None),
        ] {
            assert_eq!(refused_with(body.as_bytes()).as_deref(), word, "{body}");
        }
    }

    #[test]
    fn only_web_addresses_are_sent_to_browsers() {
        assert!(authorization_url("javascript:alert(1)", &[]).is_err());
        assert!(authorization_url("/authorize", &[]).is_err());
    }
}
