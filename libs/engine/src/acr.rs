//! Authentication contexts: what a login is worth to those who trust it.

use insula_model::{
    AuthorizationRequest, BrowserSession, ConnectorId, ConnectorSpec, Issuer, Login, TenantSpec,
};

/// More than one kind of proof
/// ([PAPE §4](https://openid.net/specs/openid-provider-authentication-policy-extension-1_0.html#auth_policies)).
const MULTI_FACTOR: &str = "http://schemas.openid.net/pape/policies/2007/06/multi-factor";

/// A password that travelled encrypted ([SAML 2.0 Authentication Context
/// §3.4.10](https://docs.oasis-open.org/security/saml/v2.0/saml-authn-context-2.0-os.pdf)).
const PROTECTED_PASSWORD: &str =
    "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";

/// A password that may have been read on the way (§3.4.9 there).
const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password";

/// What is known of how somebody proved who they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proof<'a> {
    pub connector_id: &'a ConnectorId,
    pub amr: &'a [String],
    pub acr: Option<&'a str>,
}

impl<'a> Proof<'a> {
    pub(crate) fn of(login: &'a Login) -> Self {
        Self {
            connector_id: &login.connector_id,
            amr: &login.amr,
            acr: login.acr.as_deref(),
        }
    }

    pub(crate) fn of_session(session: &'a BrowserSession) -> Self {
        Self {
            connector_id: &session.connector_id,
            amr: &session.amr,
            acr: session.acr.as_deref(),
        }
    }
}

/// The context of a proof: what the tenant takes the upstream's own word for, where it lists that
/// word (`acrMapping`), and else what the methods prove. A word that is not listed is not believed:
/// what it means is between the upstream and whoever agreed on it. It is judged when it is told, so
/// that trust that is taken back ends at once.
pub(crate) fn of<'a>(proof: Proof<'a>, spec: &'a TenantSpec) -> Option<&'a str> {
    let connector = spec.connector(proof.connector_id.as_str());
    let listed = connector.and_then(|connector| connector.acr_mapping.get(proof.acr?));
    let by_methods = || reached(proof.amr, &spec.issuer);
    listed.map(String::as_str).or_else(by_methods)
}

/// The contexts that tokens of this tenant may name, the best of ours first, then those of upstreams.
pub(crate) fn announced(spec: &TenantSpec) -> Vec<String> {
    let mut all: Vec<String> = reachable(&spec.issuer).map(str::to_owned).into();
    for connector in &spec.connectors {
        for acr in connector.acr_mapping.values() {
            if !all.contains(acr) {
                all.push(acr.clone());
            }
        }
    }
    all
}

/// The contexts that a client asked for, the best first, in the words of the upstream that is to
/// prove them: those it cannot do without, or else those it would like. What the tenant lists for no
/// word of that upstream is not passed on: it would mean something else there, or nothing.
pub fn asked_of_upstream(request: &AuthorizationRequest, upstream: &ConnectorSpec) -> Vec<String> {
    let essential = &request.claims.acr;
    let asked = if essential.is_empty() {
        &request.acr_values
    } else {
        essential
    };
    let mut words: Vec<String> = Vec::new();
    for acr in asked {
        let listed = upstream.acr_mapping.iter().filter(|(_, ours)| *ours == acr);
        for (theirs, _) in listed {
            if !words.contains(theirs) {
                words.push(theirs.clone());
            }
        }
    }
    words
}

/// The contexts that methods alone can reach, the best first.
fn reachable(issuer: &Issuer) -> [&'static str; 2] {
    [MULTI_FACTOR, by_password(issuer)]
}

/// The context that a login with these methods
/// ([RFC 8176 §2](https://www.rfc-editor.org/rfc/rfc8176#section-2)) reached.
///
/// [OpenID Connect Core §2](https://openid.net/specs/openid-connect-core-1_0.html#IDToken) wants a URI
/// or a registered name for `acr`, never a meaning of our own. `None` where the methods are unknown
/// or prove too little to name: then nothing is said, and not `0`, which would be said of them.
fn reached(amr: &[String], issuer: &Issuer) -> Option<&'static str> {
    let is_any = |names: &[&str]| amr.iter().any(|method| names.contains(&method.as_str()));
    let kinds = [
        is_any(&["pwd", "pin", "kba"]),
        is_any(&["otp", "hwk", "swk", "sc", "sms", "tel"]),
        is_any(&["face", "fpt", "iris", "retina", "vbm"]),
    ];
    let kinds = kinds.into_iter().filter(|is_there| *is_there).count();
    if kinds > 1 || is_any(&["mfa"]) {
        return Some(MULTI_FACTOR);
    }
    is_any(&["pwd"]).then(|| by_password(issuer))
}

fn by_password(issuer: &Issuer) -> &'static str {
    if issuer.is_https() {
        PROTECTED_PASSWORD
    } else {
        PASSWORD
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insula_testkit::{a_connector, a_tenant};

    #[test]
    fn a_login_is_worth_what_its_methods_prove_and_no_more() {
        let https = Issuer::parse("https://acme.test").unwrap();
        let http = Issuer::parse("http://acme.localhost").unwrap();
        let rows: [(&[&str], _, _); 11] = [
            (&[], None, None),
            (&["pwd"], Some(PROTECTED_PASSWORD), Some(PASSWORD)),
            (&["pwd", "user"], Some(PROTECTED_PASSWORD), Some(PASSWORD)),
            (&["pwd", "pin"], Some(PROTECTED_PASSWORD), Some(PASSWORD)),
            (&["pwd", "otp"], Some(MULTI_FACTOR), Some(MULTI_FACTOR)),
            (&["hwk", "fpt"], Some(MULTI_FACTOR), Some(MULTI_FACTOR)),
            (&["mfa"], Some(MULTI_FACTOR), Some(MULTI_FACTOR)),
            (&["otp"], None, None),
            (&["mca", "rba"], None, None),
            (&["PWD"], None, None),
            (&["0"], None, None),
        ];
        for (amr, over_tls, in_clear) in rows {
            let methods: Vec<_> = amr.iter().map(|&method| method.to_owned()).collect();
            assert_eq!(reached(&methods, &https), over_tls, "{amr:?}");
            assert_eq!(reached(&methods, &http), in_clear, "{amr:?}");
            for (told, issuer) in [(over_tls, &https), (in_clear, &http)] {
                let is_announced = told.is_none_or(|acr| reachable(issuer).contains(&acr));
                assert!(is_announced, "{amr:?}");
            }
        }
    }

    #[test]
    fn an_upstreams_word_counts_where_the_tenant_lists_it_and_nowhere_else() {
        let mut mock = a_connector("mock");
        mock.acr_mapping = [("loa2", "https://acr.test/two"), ("loa3", MULTI_FACTOR)]
            .map(|(theirs, ours)| (theirs.to_owned(), ours.to_owned()))
            .into();
        let spec = a_tenant()
            .with(|t| t.connectors = [mock, a_connector("other")].map(std::sync::Arc::new).into())
            .build();
        let (pwd, none) = (vec!["pwd".to_owned()], Vec::new());
        for (connector, amr, acr, told) in [
            ("mock", &pwd, Some("loa2"), Some("https://acr.test/two")),
            ("mock", &none, Some("loa3"), Some(MULTI_FACTOR)),
            ("mock", &pwd, Some("loa1"), Some(PROTECTED_PASSWORD)),
            ("mock", &none, Some("loa1"), None),
            ("mock", &none, Some("https://acr.test/two"), None),
            ("mock", &pwd, None, Some(PROTECTED_PASSWORD)),
            ("other", &none, Some("loa2"), None),
            ("gone", &pwd, Some("loa2"), Some(PROTECTED_PASSWORD)),
        ] {
            let proof = Proof {
                connector_id: &ConnectorId::parse(connector).unwrap(),
                amr,
                acr,
            };
            assert_eq!(of(proof, &spec), told, "{connector} {amr:?} {acr:?}");
        }
        let announced = announced(&spec);
        let expected = [MULTI_FACTOR, PROTECTED_PASSWORD, "https://acr.test/two"];
        assert_eq!(announced, expected);
    }

    #[test]
    fn an_upstream_is_asked_in_its_own_words_and_for_nothing_the_tenant_does_not_list() {
        let mut mock = a_connector("mock");
        mock.acr_mapping = [("loa2", "two"), ("loa3", "three"), ("phr", "three")]
            .map(|(theirs, ours)| (theirs.to_owned(), ours.to_owned()))
            .into();
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        for (acr_values, essential, asked) in [
            ("", "", ""),
            ("two", "", "loa2"),
            ("three two three", "", "loa3 phr loa2"),
            ("loa2 four", "", ""),
            ("two", "three", "loa3 phr"),
            ("two", "four", ""),
        ] {
            let mut request = insula_testkit::an_authorization_request();
            request.acr_values = words(acr_values);
            request.claims.acr = words(essential);
            let expected: Vec<String> = words(asked);
            assert_eq!(asked_of_upstream(&request, &mock), expected);
            assert!(asked_of_upstream(&request, &a_connector("other")).is_empty());
        }
    }
}
