//! Authentication contexts: what a login is worth to those who trust it.

use insula_model::Issuer;

/// More than one kind of proof
/// ([PAPE §4](https://openid.net/specs/openid-provider-authentication-policy-extension-1_0.html#auth_policies)).
const MULTI_FACTOR: &str = "http://schemas.openid.net/pape/policies/2007/06/multi-factor";

/// A password that travelled encrypted ([SAML 2.0 Authentication Context
/// §3.4.10](https://docs.oasis-open.org/security/saml/v2.0/saml-authn-context-2.0-os.pdf)).
const PROTECTED_PASSWORD: &str =
    "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";

/// A password that may have been read on the way (§3.4.9 there).
const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password";

/// The contexts a login at this issuer can reach, the best first.
pub(crate) fn reachable(issuer: &Issuer) -> [&'static str; 2] {
    [MULTI_FACTOR, by_password(issuer)]
}

/// The context that a login with these methods
/// ([RFC 8176 §2](https://www.rfc-editor.org/rfc/rfc8176#section-2)) reached.
///
/// [OpenID Connect Core §2](https://openid.net/specs/openid-connect-core-1_0.html#IDToken) wants a URI
/// or a registered name for `acr`, never a meaning of our own. `None` where the methods are unknown
/// or prove too little to name: then nothing is said, and not `0`, which would be said of them.
pub(crate) fn reached(amr: &[String], issuer: &Issuer) -> Option<&'static str> {
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
}
