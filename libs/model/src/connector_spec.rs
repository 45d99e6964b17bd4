use std::collections::BTreeMap;
use std::time::Duration;

use insula_oauth::GrantType;

use crate::{ConnectorId, Issuer, Rules, SubjectTokens, email_domain};

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
    /// Mail domains whose people are sent here, in the form of [`email_domain`](crate::email_domain).
    pub domains: Vec<String>,
    /// Whether it lets in only people whose mail address is of one of its domains, where it has any.
    pub domains_only: bool,
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

    /// By how much the clock of who writes SAML assertions may differ; dex has half a minute for it.
    pub const fn of_assertions(self) -> Duration {
        match self.issued_ahead {
            Some(most) => most,
            None => Duration::from_secs(30),
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

    /// Whether people of a mail domain are sent here.
    pub fn owns_domain(&self, domain: &str) -> bool {
        self.domains.iter().any(|own| own == domain)
    }

    /// Whether it is believed when it says that somebody has this mail address. A connector for the
    /// people of one company must not name those of another. None at all is told of nobody.
    pub fn may_vouch_for(&self, address: &str) -> bool {
        let is_bound = self.domains_only && !self.domains.is_empty();
        !is_bound
            || address.is_empty()
            || email_domain(address).is_some_and(|domain| self.owns_domain(&domain))
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

    fn a_connector(config: Value) -> ConnectorSpec {
        ConnectorSpec {
            id: ConnectorId::parse("my idp").unwrap(),
            kind: "oidc".to_owned(),
            name: String::new(),
            config,
            grant_types: Vec::new(),
            domains: Vec::new(),
            domains_only: true,
            timeout: Duration::ZERO,
            clock_skew: ClockSkew::of(Duration::ZERO),
            acr_mapping: BTreeMap::new(),
            subject_tokens: SubjectTokens::default(),
        }
    }

    fn callback(config: Value, rules: &Rules) -> String {
        let spec = a_connector(config);
        let issuer = Issuer::parse("https://a.test/dex").unwrap();
        spec.callback_url(&issuer, rules)
    }

    #[test]
    fn a_connector_of_domains_vouches_for_addresses_of_no_others() {
        let mut spec = a_connector(Value::Null);
        for address in ["jane@acme.example", "bob@globex.example", "", "nonsense"] {
            assert!(spec.may_vouch_for(address), "it has no domains: {address}");
        }
        spec.domains = vec!["acme.example".to_owned(), "acme.test".to_owned()];
        for (address, is_believed) in [
            ("jane@acme.example", true),
            ("JANE@Acme.Test", true),
            ("", true),
            ("bob@globex.example", false),
            ("jane@mail.acme.example", false),
            ("jane@acme.example.evil.example", false),
            ("acme.example", false),
            ("jane@acme.example@evil.example", false),
        ] {
            assert_eq!(spec.may_vouch_for(address), is_believed, "{address}");
        }
        spec.domains_only = false;
        assert!(spec.may_vouch_for("bob@globex.example"));
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
