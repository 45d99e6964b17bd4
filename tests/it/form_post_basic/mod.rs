//! What the OpenID Foundation's plan for the profile "Form Post Basic OP" asks of a server, module by
//! module and in its order, against a tenant of our format: one test for each module, named as what
//! it asks. A module fails or warns where a test here does. It is not the foundation's suite, which
//! was not run.
//!
//! Left out of each module is what asks for TLS, and for pictures of pages that people look at.

mod people;
mod requests;
mod sessions;
mod tokens;

use std::time::Duration;

use insula_tests::{Agent, Answer, Back, ClientAuth, Login, Person, RelyingParty, Tokens, walk_on};
use serde_json::{Map, Value};

use crate::shared_server::{SharedServer, shared_server};

const JANE: Person<'static> = Person {
    login: "jane@openid.example",
    password: "password",
    connector: None,
    denies: false,
};

/// A client that asks for every answer in a form, and a browser. What all modules hold a server to
/// is asserted at every step.
struct Client {
    party: RelyingParty,
    browser: Agent,
}

impl Client {
    async fn new() -> Self {
        Self::of(shared_server().await, "first")
    }

    fn of(shared_server: &SharedServer, id: &str) -> Self {
        let party = RelyingParty::new(
            &shared_server.issuer("openid"),
            id,
            &format!("{id}-secret"),
            &format!("https://{id}.example/callback"),
        );
        Self {
            party: party.with_scope("openid").without_pkce(),
            browser: Agent::new(),
        }
    }

    fn with_scope(mut self, scope: &str) -> Self {
        self.party = self.party.with_scope(scope);
        self
    }

    fn with_auth(mut self, auth: ClientAuth) -> Self {
        self.party = self.party.with_auth(auth);
        self
    }

    /// An authorization request with more parameters, or others; an empty value leaves one out.
    fn request(&self, more: &[(&str, &str)]) -> Login {
        let mut all = vec![("response_mode", "form_post")];
        all.extend_from_slice(more);
        self.party.begin_with(&all)
    }

    /// Sends the browser there and has Jane do what is asked of her; the answer came as a posted form.
    async fn answer(&self, login: &Login) -> Back {
        let first = self.browser.get(&login.url).await;
        self.answer_after(login, first).await
    }

    async fn answer_after(&self, login: &Login, first: Answer) -> Back {
        let back = walk_on(&self.browser, first, login, &JANE).await;
        assert_eq!(
            back.url.as_str(),
            login.redirect_uri,
            "no query, no fragment"
        );
        assert_eq!(back.get("iss"), self.party.issuer);
        back
    }

    /// A whole login, up to tokens and a userinfo that answers.
    async fn log_in(&self, more: &[(&str, &str)]) -> Tokens {
        let login = self.request(more);
        let back = self.answer(&login).await;
        self.tokens(&login, &back).await
    }

    async fn tokens(&self, login: &Login, back: &Back) -> Tokens {
        let names: Vec<_> = back.params.keys().map(String::as_str).collect();
        assert_eq!(names, ["code", "iss", "state"]);
        assert_eq!(back.get("state"), login.state);
        let answer = self.party.redeem(login, back.code()).await.expect(200);
        assert_is_json(&answer);
        let tokens = self.party.read(&answer).await;
        assert!(tokens.answer["expires_in"].as_u64() > Some(0));
        let id = tokens.id();
        assert_eq!(id.header["alg"], "RS256");
        let nonce = id.claims["nonce"].as_str();
        assert_eq!(nonce, login.params.get("nonce").map(String::as_str));
        assert!(
            id.claims["sub"]
                .as_str()
                .is_some_and(|sub| !sub.is_empty() && sub.len() <= 255)
        );
        assert_standard_claims_are_of_their_types(&id.claims);
        self.userinfo(&tokens).await;
        tokens
    }

    async fn userinfo(&self, tokens: &Tokens) -> Value {
        let answer = self.party.userinfo(&tokens.access_token).await;
        said_of(tokens, &answer.expect(200))
    }

    /// Whether the answer tells of an error as every module wants it told.
    fn assert_is_error(&self, login: &Login, back: &Back, errors: &[&str]) {
        let names: Vec<_> = back.params.keys().map(String::as_str).collect();
        assert_eq!(names, ["error", "error_description", "iss", "state"]);
        assert_eq!(back.get("state"), login.state);
        assert!(errors.contains(&back.get("error")), "{:?}", back.params);
        assert_is_description(back.get("error_description"));
    }

    async fn metadata(&self) -> Value {
        let url = self.party.at("/.well-known/openid-configuration");
        let answer = Agent::new().get(url).await.expect(200);
        assert_is_json(&answer);
        answer.json()
    }
}

/// The claims of an answer of userinfo, which are those of whom the ID token is of.
fn said_of(tokens: &Tokens, answer: &Answer) -> Value {
    assert_is_json(answer);
    let claims = answer.json();
    assert_eq!(claims["sub"], *tokens.claim("sub"));
    assert_standard_claims_are_of_their_types(&claims);
    claims
}

fn assert_is_json(answer: &Answer) {
    let kind = answer.header("content-type");
    assert_eq!(kind.split(';').next(), Some("application/json"));
}

/// RFC 6749 §4.1.2.1 and §5.2: printable ASCII but for quotes and backslashes.
fn assert_is_description(text: &str) {
    let is_allowed = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
    assert!(!text.is_empty() && text.chars().all(is_allowed), "{text:?}");
}

/// An error of the token endpoint.
fn assert_is_invalid_grant(answer: &Answer) {
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert_is_json(answer);
    assert_eq!(answer.error(), "invalid_grant");
    let description = &answer.json()["error_description"];
    assert_is_description(description.as_str().unwrap());
}

/// The types that OpenID Connect Core §5.1 gives the standard claims; what is not known is left out.
fn assert_standard_claims_are_of_their_types(claims: &Value) {
    for (name, value) in claims.as_object().unwrap() {
        let is_right = match name.as_str() {
            "email_verified" | "phone_number_verified" => value.is_boolean(),
            "updated_at" => value.as_i64() > Some(0),
            "address" => value.as_object().is_some_and(are_texts),
            "sub" | "name" | "given_name" | "family_name" | "middle_name" | "nickname"
            | "preferred_username" | "profile" | "picture" | "website" | "email" | "gender"
            | "birthdate" | "zoneinfo" | "locale" | "phone_number" => is_text(value),
            _ => !value.is_null(),
        };
        assert!(is_right, "{name}: {value}");
    }
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

fn are_texts(members: &Map<String, Value>) -> bool {
    members.values().all(is_text)
}

/// Waits until a time that was told in seconds is more than so many seconds ago.
async fn until_older_than(told: &Value, seconds: u64) {
    let is_over = told.as_u64().unwrap() + seconds + 1;
    while jsonwebtoken::get_current_timestamp() < is_over {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
