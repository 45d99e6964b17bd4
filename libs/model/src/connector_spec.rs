use std::collections::BTreeMap;
use std::time::Duration;

use insula_oauth::GrantType;

use crate::{ConnectorId, Issuer, Rules, SubjectTokens};

/// A connector as configured. What `config` means is the connector's own business; secrets in it
/// are resolved already, so it is never printed.
#[derive(Clone, PartialEq)]
pub struct ConnectorSpec {
    /// Part of every `sub` it brings, and of `/auth/{id}`.
    pub id: ConnectorId,
    /// Which connector: `oidc`, `mockCallback`, …
    pub kind: String,
    /// What its button says.
    pub name: String,
    /// Its own settings.
    pub config: serde_json::Value,
    /// Grants it serves; empty for all.
    pub grant_types: Vec<GrantType>,
    /// Mail domains whose people are sent here.
    pub domains: Vec<String>,
    /// How long one call to the upstream may take.
    pub timeout: Duration,
    /// How far the upstream's clock may differ from ours.
    pub clock_skew: ClockSkew,
    /// What values of the upstream's `acr` are worth here: the `acr` that tokens then carry. Others
    /// are not believed.
    pub acr_mapping: BTreeMap<String, String>,
    /// Which of the upstream's tokens may stand for a login.
    pub subject_tokens: SubjectTokens,
}

/// How far two clocks may differ, by what is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockSkew {
    /// How long after its end something is still taken.
    pub after_end: Duration,
    /// How long before its beginning it is taken already.
    pub before_begin: Duration,
    /// How far ahead the time of its making may lie; `None` where nobody looks.
    pub issued_ahead: Option<Duration>,
}

impl ClockSkew {
    /// The same measure for everything.
    pub const fn of(most: Duration) -> Self {
        Self {
            after_end: most,
            before_begin: most,
            issued_ahead: Some(most),
        }
    }

    /// What dex's library for upstreams allows: nothing after the end, five minutes before the
    /// beginning, and no look at when it was issued.
    pub const fn of_dex() -> Self {
        Self {
            after_end: Duration::ZERO,
            before_begin: Duration::from_mins(5),
            issued_ahead: None,
        }
    }

    /// How much older than demanded a fresh proof may look.
    pub const fn of_proofs(self) -> Duration {
        match self.issued_ahead {
            Some(most) => most,
            None => Duration::from_mins(1),
        }
    }
}

impl ConnectorSpec {
    /// Whether it serves a grant.
    pub fn serves(&self, grant: GrantType) -> bool {
        self.grant_types.is_empty() || self.grant_types.contains(&grant)
    }

    /// The route below the issuer where no other connector's answers arrive.
    pub fn callback_route(&self) -> String {
        format!("/callback/{}", self.id.path_segment())
    }

    /// Where the upstream sends browsers back to: one of our two callbacks, if the connector's
    /// settings name one. Else dex's connectors share `/callback`, and ours have one each, so that an
    /// answer meant for one cannot be had by another
    /// ([RFC 9700 §4.4.2.2](https://www.rfc-editor.org/rfc/rfc9700#section-4.4.2.2)).
    pub fn callback_url(&self, issuer: &Issuer, rules: &Rules) -> String {
        let (own, shared) = (issuer.url(&self.callback_route()), issuer.url("/callback"));
        match self.redirect_uri() {
            Some(uri) if uri == own => own,
            Some(uri) if uri == shared => shared,
            _ if rules.connectors_share_callback => shared,
            _ => own,
        }
    }

    /// dex reads the names of settings whatever their case.
    fn redirect_uri(&self) -> Option<&str> {
        let mut settings = self.config.as_object()?.iter();
        let (_, uri) = settings.find(|(name, _)| name.eq_ignore_ascii_case("redirectURI"))?;
        uri.as_str()
    }
}

impl std::fmt::Debug for ConnectorSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectorSpec")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn callback(config: Value, rules: &Rules) -> String {
        let spec = ConnectorSpec {
            id: ConnectorId::parse("my idp").unwrap(),
            kind: "oidc".to_owned(),
            name: String::new(),
            config,
            grant_types: Vec::new(),
            domains: Vec::new(),
            timeout: Duration::ZERO,
            clock_skew: ClockSkew::of(Duration::ZERO),
            acr_mapping: BTreeMap::new(),
            subject_tokens: SubjectTokens::default(),
        };
        let issuer = Issuer::parse("https://a.test/dex").unwrap();
        spec.callback_url(&issuer, rules)
    }

    #[test]
    fn each_connector_has_a_callback_of_its_own_unless_it_names_the_one_dexs_share() {
        let own = "https://a.test/dex/callback/my%20idp";
        let shared = "https://a.test/dex/callback";
        let (ours, dex) = (&Rules::STANDARD, &Rules::DEX);
        for (config, in_ours, in_dex) in [
            (Value::Null, own, shared),
            (json!({}), own, shared),
            (json!({ "redirectURI": "" }), own, shared),
            (json!({ "redirectURI": shared }), shared, shared),
            (json!({ "redirecturi": shared }), shared, shared),
            (json!({ "redirectURI": own }), own, own),
            (json!({ "redirectURI": "https://b.test/" }), own, shared),
        ] {
            assert_eq!(callback(config.clone(), ours), in_ours, "{config}");
            assert_eq!(callback(config.clone(), dex), in_dex, "{config}");
        }
    }
}
