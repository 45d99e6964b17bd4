//! The two pages: one for everything, one for what went wrong.

use anyhow::Context as _;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, context};
use openidconnect::RefreshToken;
use serde_json::Value;

use crate::failure::Failure;
use crate::oidc::Login;

/// The scopes that can be ticked, and whether they are at first.
const SCOPES: [(&str, bool); 5] = [
    ("openid", true),
    ("profile", true),
    ("email", true),
    ("groups", false),
    ("offline_access", true),
];

/// The style sheet of both pages.
pub(crate) const STYLE: &str = include_str!("../templates/style.css");

/// Compiled templates.
#[derive(Debug)]
pub(crate) struct Pages {
    environment: Environment<'static>,
}

impl Pages {
    pub(crate) fn compile() -> anyhow::Result<Self> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, source) in [
            ("frame.html", include_str!("../templates/frame.html")),
            ("home.html", include_str!("../templates/home.html")),
            ("failure.html", include_str!("../templates/failure.html")),
        ] {
            environment
                .add_template(name, source)
                .with_context(|| format!("{name} is wrong"))?;
        }
        Ok(Self { environment })
    }

    /// Somebody who is not logged in chooses an issuer.
    pub(crate) fn choose(&self, issuers: &[String]) -> Result<String, minijinja::Error> {
        self.environment
            .get_template("home.html")?
            .render(context! {
                issuers => Serde(issuers),
                scopes => SCOPES.map(|(name, ticked)| context! { name, ticked }),
                login => (),
            })
    }

    /// Somebody who is logged in sees what the tokens say.
    pub(crate) fn logged_in(&self, login: &Login) -> Result<String, minijinja::Error> {
        let claims = &login.claims;
        let who = ["name", "email", "preferred_username", "sub"]
            .iter()
            .find_map(|claim| claims.get(claim).and_then(Value::as_str));
        self.environment
            .get_template("home.html")?
            .render(context! {
                login => context! {
                    issuer => login.issuer.as_str(),
                    who,
                    claims => rows(claims),
                    checks => Serde(&login.checks),
                    scopes => login.scopes.as_deref(),
                    access_token => login.access_token.secret(),
                    expires_in_seconds => login.expires_in_seconds,
                    refresh_token => login.refresh_token.as_ref().map(RefreshToken::secret),
                    userinfo => login.userinfo.as_ref().map(rows),
                },
            })
    }

    pub(crate) fn failed(&self, failure: &Failure) -> Result<String, minijinja::Error> {
        self.environment
            .get_template("failure.html")?
            .render(context! { failure => Serde(failure) })
    }
}

/// Claims as name and text, in the order they came; text as it is, all else as JSON.
fn rows(claims: &Value) -> Vec<(String, String)> {
    let Some(claims) = claims.as_object() else {
        return Vec::new();
    };
    claims
        .iter()
        .map(|(name, value)| {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            (name.clone(), text)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_issuer_and_scope_can_be_chosen() {
        let page = Pages::compile()
            .unwrap()
            .choose(&["https://idp.example".to_owned()])
            .unwrap();
        assert!(page.contains("https:&#x2f;&#x2f;idp.example"), "{page}");
        for (scope, _) in SCOPES {
            assert!(page.contains(&format!(r#"value="{scope}""#)), "{scope}");
        }
    }

    #[test]
    fn what_an_issuer_says_cannot_become_markup() {
        let failure = Failure {
            step: "coming back from the issuer",
            code: Some("access_denied".to_owned()),
            description: "<script>alert(1)</script>".to_owned(),
        };
        let page = Pages::compile().unwrap().failed(&failure).unwrap();
        assert!(
            page.contains("access_denied") && !page.contains("<script>"),
            "{page}"
        );
    }

    #[test]
    fn claims_are_shown_as_text_or_json() {
        let claims = serde_json::json!({ "sub": "jane", "groups": ["a", "b"], "exp": 7 });
        let rows = rows(&claims);
        assert!(rows.contains(&("sub".to_owned(), "jane".to_owned())));
        assert!(rows.contains(&("groups".to_owned(), r#"["a","b"]"#.to_owned())));
        assert!(rows.contains(&("exp".to_owned(), "7".to_owned())));
    }
}
