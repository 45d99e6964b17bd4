use std::collections::BTreeMap;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::agent::encode;
use crate::{Agent, Answer, Back, Keys, Person, Tokens, unique, walk};

/// How a client proves who it is (RFC 6749 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// It cannot.
    None,
    /// In the header.
    Basic,
    /// In the body.
    Post,
}

/// A client that believes nothing: it knows the specifications and not the server.
#[derive(Debug)]
pub struct RelyingParty {
    /// Whose tenant it is registered at.
    pub issuer: String,
    /// Its id.
    pub client_id: String,
    /// Its secret.
    pub secret: String,
    /// How it shows it.
    pub auth: ClientAuth,
    /// Where its users come back.
    pub redirect_uri: String,
    /// What it asks for.
    pub scope: String,
    /// Whether it uses PKCE.
    pub pkce: bool,
    /// Whether it speaks to a dex, which sends no `iss`.
    pub at_dex: bool,
    /// How it reaches the server.
    pub http: Agent,
}

/// A login it began.
#[derive(Debug, Clone)]
pub struct Login {
    /// Where it sends the browser.
    pub url: String,
    /// The same, as parameters.
    pub params: BTreeMap<String, String>,
    /// `state`
    pub state: String,
    /// `nonce`
    pub nonce: String,
    /// The PKCE verifier.
    pub verifier: Option<String>,
    /// Where the browser will come back.
    pub redirect_uri: String,
}

impl RelyingParty {
    /// A client with a secret.
    pub fn new(issuer: &str, client_id: &str, secret: &str, redirect_uri: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            client_id: client_id.to_owned(),
            secret: secret.to_owned(),
            auth: if secret.is_empty() {
                ClientAuth::None
            } else {
                ClientAuth::Basic
            },
            redirect_uri: redirect_uri.to_owned(),
            scope: "openid profile email".to_owned(),
            pkce: true,
            at_dex: false,
            http: Agent::new(),
        }
    }

    /// Asks for other scopes.
    pub fn with_scope(mut self, scope: &str) -> Self {
        scope.clone_into(&mut self.scope);
        self
    }

    /// Shows its secret in another way.
    pub fn with_auth(mut self, auth: ClientAuth) -> Self {
        self.auth = auth;
        self
    }

    /// Leaves PKCE out.
    pub fn without_pkce(mut self) -> Self {
        self.pkce = false;
        self
    }

    /// Expects dex's letter.
    pub fn of_dex(mut self) -> Self {
        self.at_dex = true;
        self
    }

    /// Reaches the server at these ports.
    pub fn through(mut self, ports: &[u16]) -> Self {
        self.http = Agent::through(ports);
        self
    }

    /// An endpoint of the issuer.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }

    /// Begins a login.
    pub fn begin(&self) -> Login {
        self.begin_with(&[])
    }

    /// Begins a login with more parameters, or others; an empty value leaves one out.
    pub fn begin_with(&self, more: &[(&str, &str)]) -> Login {
        let (state, nonce) = (unique(), unique());
        let verifier = self.pkce.then(|| format!("{}{}", unique(), unique()));
        let mut params: BTreeMap<String, String> = [
            ("client_id", self.client_id.as_str()),
            ("redirect_uri", &self.redirect_uri),
            ("response_type", "code"),
            ("scope", &self.scope),
            ("state", &state),
            ("nonce", &nonce),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        if let Some(verifier) = &verifier {
            let challenge = BASE64URL_NOPAD.encode(&Sha256::digest(verifier));
            params.insert("code_challenge".to_owned(), challenge);
            params.insert("code_challenge_method".to_owned(), "S256".to_owned());
        }
        for (name, value) in more {
            params.insert((*name).to_owned(), (*value).to_owned());
        }
        params.retain(|_, value| !value.is_empty());
        let redirect_uri = params.get("redirect_uri").cloned().unwrap_or_default();
        let mut url = Url::parse(&self.at("/auth")).unwrap();
        url.query_pairs_mut().extend_pairs(&params);
        Login {
            url: url.into(),
            params,
            state,
            nonce,
            verifier,
            redirect_uri,
        }
    }

    /// The whole of a login, up to the code.
    pub async fn code(&self, agent: &Agent, person: &Person<'_>) -> (Login, Back) {
        let login = self.begin();
        let back = walk(agent, &login, person).await;
        (login, back)
    }

    /// The whole of a login, up to verified tokens.
    pub async fn log_in(&self, agent: &Agent, person: &Person<'_>) -> Tokens {
        let (login, back) = self.code(agent, person).await;
        self.tokens(&login, &back).await
    }

    /// Checks the answer of the authorization endpoint: `state` (RFC 6749 §10.12) and `iss`
    /// (RFC 9207 §2.4).
    pub fn check_response(&self, login: &Login, back: &Back) {
        assert_eq!(back.get("state"), login.state, "{}", back.url);
        let iss = back.params.get("iss");
        if self.at_dex {
            assert_eq!(iss, None, "dex sends no iss");
        } else {
            assert_eq!(iss, Some(&self.issuer), "{}", back.url);
        }
    }

    /// Redeems the code of a login and verifies what comes back.
    pub async fn tokens(&self, login: &Login, back: &Back) -> Tokens {
        self.check_response(login, back);
        let answer = self.redeem(login, back.code()).await.expect(200);
        let tokens = self.read(&answer).await;
        let id_token = tokens.id_token.as_ref().expect("openid was asked for");
        assert_eq!(id_token.claims["nonce"], login.nonce);
        tokens
    }

    /// Verifies an answer of the token endpoint.
    pub async fn read(&self, answer: &Answer) -> Tokens {
        answer.assert_uncached();
        Tokens::read(self, &answer.json(), &self.keys().await)
    }

    /// Redeems a code, whatever comes of it.
    pub async fn redeem(&self, login: &Login, code: &str) -> Answer {
        let attempt = self.try_redeem(login, code).await;
        attempt.unwrap_or_else(|error| panic!("/token: {error:?}"))
    }

    /// Redeems a code, where nobody may answer.
    pub async fn try_redeem(&self, login: &Login, code: &str) -> reqwest::Result<Answer> {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", login.redirect_uri.as_str()),
        ];
        if let Some(verifier) = &login.verifier {
            form.push(("code_verifier", verifier));
        }
        self.try_post("/token", &form).await
    }

    /// Uses a refresh token, whatever comes of it.
    pub async fn refresh(&self, token: &str, more: &[(&str, &str)]) -> Answer {
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
        form.extend_from_slice(more);
        self.post("/token", &form).await
    }

    /// The tokens that a refresh gives.
    pub async fn refreshed(&self, tokens: &Tokens) -> Tokens {
        let answer = self.refresh(tokens.refresh(), &[]).await.expect(200);
        self.read(&answer).await
    }

    /// Revokes a token.
    pub async fn revoke(&self, token: &str) -> Answer {
        self.post("/revoke", &[("token", token)]).await
    }

    /// Asks what a token is worth.
    pub async fn introspect(&self, token: &str) -> Value {
        let answer = self.post("/token/introspect", &[("token", token)]).await;
        answer.expect(200).json()
    }

    /// Whether a token is worth anything.
    pub async fn is_active(&self, token: &str) -> bool {
        self.introspect(token).await["active"].as_bool().unwrap()
    }

    /// Asks who the bearer of a token is.
    pub async fn userinfo(&self, access_token: &str) -> Answer {
        let bearer = format!("Bearer {access_token}");
        let headers = [("authorization", bearer.as_str())];
        let url = self.at("/userinfo");
        self.http
            .send(reqwest::Method::GET, &url, &headers, None)
            .await
    }

    /// The tenant's public keys as they are now.
    pub async fn keys(&self) -> Keys {
        Keys::read(&self.http.get(self.at("/keys")).await.expect(200).json())
    }

    /// A request to an endpoint that authenticates clients, whose answers nobody keeps.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let attempt = self.try_post(path, form).await;
        let answer = attempt.unwrap_or_else(|error| panic!("{path}: {error:?}"));
        answer.assert_uncached();
        answer
    }

    /// The same, where nobody may answer.
    pub async fn try_post(&self, path: &str, form: &[(&str, &str)]) -> reqwest::Result<Answer> {
        let mut form = form.to_vec();
        let basic = format!(
            "Basic {}",
            BASE64.encode(
                format!(
                    "{}:{}",
                    form_encoded(&self.client_id),
                    form_encoded(&self.secret)
                )
                .as_bytes()
            )
        );
        let mut headers = Vec::new();
        match self.auth {
            ClientAuth::None => form.push(("client_id", &self.client_id)),
            ClientAuth::Basic => headers.push(("authorization", basic.as_str())),
            ClientAuth::Post => {
                form.push(("client_id", &self.client_id));
                form.push(("client_secret", &self.secret));
            }
        }
        let (url, form) = (self.at(path), Some(encode(&form)));
        self.http
            .try_send(reqwest::Method::POST, &url, &headers, form)
            .await
    }
}

/// RFC 6749 §2.3.1: both halves are form-encoded before they are joined.
fn form_encoded(text: &str) -> String {
    encode(&[(text, "")]).trim_end_matches('=').to_owned()
}
