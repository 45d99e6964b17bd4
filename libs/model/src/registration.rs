//! What a client may be registered with, whether a file says so or a row of the database.
//!
//! Each function answers why something may not be, if it may not.

use std::fmt;

use insula_oauth::{GrantType, Scope};
use url::Url;

use crate::address::{NEXT_STEP, is_refused_by_dex, is_this_machine, oddity};
use crate::{Client, Dialect, Resource};

/// Why something may not be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Objection {
    /// What is wrong, to be read after the name of the thing.
    pub cause: &'static str,
    /// What to do about it.
    pub next_step: &'static str,
}

/// A member of a client that may not be as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientObjection {
    /// The member, by its name in RFC 7591 where it has one, and its value where that is no secret.
    pub member: String,
    /// Why.
    pub objection: Objection,
}

impl fmt::Display for ClientObjection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Objection { cause, next_step } = self.objection;
        write!(f, "{} {cause}; {next_step}", self.member)
    }
}

/// To a client as a whole, whose tenant follows `dialect`. dex takes nearly everything.
pub fn to_client(client: &Client, dialect: Dialect) -> Vec<ClientObjection> {
    let mut all = Vec::new();
    for (name, uris) in [
        ("redirect_uris", &client.redirect_uris),
        (
            "post_logout_redirect_uris",
            &client.post_logout_redirect_uris,
        ),
    ] {
        for (n, uri) in uris.iter().enumerate() {
            let objection = to_odd_address(uri, dialect).or_else(|| match dialect {
                Dialect::Standard => to_redirect_uri(uri),
                Dialect::Dex => None,
            });
            all.extend(objection.map(|objection| ClientObjection {
                member: format!("{name}[{n}] {uri:?}"),
                objection,
            }));
        }
    }
    all.extend(to_logout(client, dialect));
    let objection = to_no_redirect_uri(&client.redirect_uris, &client.grant_types, dialect);
    all.extend(objection.map(|objection| ClientObjection {
        member: "redirect_uris".to_owned(),
        objection,
    }));
    let objection = to_grants(&client.grant_types, client.public, dialect);
    all.extend(objection.map(|objection| ClientObjection {
        member: "grant_types".to_owned(),
        objection,
    }));
    let has_secret = !client.secrets.is_empty();
    if let Some(objection) = to_secrets(has_secret, client.public, dialect) {
        let colon = if has_secret { ":" } else { "" };
        all.push(ClientObjection {
            member: format!("secrets{colon}"),
            objection,
        });
    }
    all
}

/// To the algorithms a client asks for, of a tenant that signs with `signed_with`.
pub fn to_algorithms(client: &Client, signed_with: &[String]) -> Vec<ClientObjection> {
    let asked = [
        (
            "id_token_signed_response_alg",
            &client.id_token_signed_response_alg,
        ),
        (
            "access_token_signed_response_alg",
            &client.access_token_signed_response_alg,
        ),
    ];
    let objections = asked.into_iter().filter_map(|(member, asked)| {
        let asked = asked.as_ref()?;
        Some(ClientObjection {
            member: format!("{member} {asked:?}"),
            objection: to_algorithm(asked, signed_with)?,
        })
    });
    objections.collect()
}

/// To one of them.
pub fn to_algorithm(asked: &str, signed_with: &[String]) -> Option<Objection> {
    let is_unknown = signed_with.iter().all(|known| known != asked);
    is_unknown.then_some(Objection {
        cause: "is not an algorithm the tenant signs with",
        next_step: "name one of signer.config.algorithms, or add it there",
    })
}

fn to_logout(client: &Client, dialect: Dialect) -> Vec<ClientObjection> {
    let (logout, is_ours) = (&client.logout, dialect == Dialect::Standard);
    let back = logout.backchannel_logout_uri.as_ref().map(|uri| {
        let objection = || to_backchannel_logout_uri(uri, client.public).filter(|_| is_ours);
        let objection = to_odd_address(uri, dialect).or_else(objection);
        ("backchannel_logout_uri", uri, objection)
    });
    let front = logout.frontchannel_logout_uri.as_ref().map(|uri| {
        let registered = &client.redirect_uris;
        let objection = || to_frontchannel_logout_uri(uri, registered).filter(|_| is_ours);
        let objection = to_odd_address(uri, dialect).or_else(objection);
        ("frontchannel_logout_uri", uri, objection)
    });
    let both = back.into_iter().chain(front);
    both.filter_map(|(name, uri, objection)| {
        let member = format!("{name} {uri:?}");
        objection.map(|objection| ClientObjection { member, objection })
    })
    .collect()
}

fn to_odd_address(uri: &str, dialect: Dialect) -> Option<Objection> {
    if dialect == Dialect::Dex && !is_refused_by_dex(uri) {
        return None;
    }
    oddity(uri).map(|cause| Objection {
        cause,
        next_step: NEXT_STEP,
    })
}

/// To having no redirect URI.
pub fn to_no_redirect_uri<T>(
    redirect_uris: &[T],
    grant_types: &[GrantType],
    dialect: Dialect,
) -> Option<Objection> {
    let is_sent_back =
        |grant: &GrantType| matches!(grant, GrantType::AuthorizationCode | GrantType::Implicit);
    let gets_answers = grant_types.is_empty() || grant_types.iter().any(is_sent_back);
    let lacks_one = dialect == Dialect::Standard && gets_answers && redirect_uris.is_empty();
    lacks_one.then_some(Objection {
        cause: "is missing",
        next_step: "list where codes may be sent",
    })
}

/// To the grants of a client.
pub fn to_grants(
    grant_types: &[GrantType],
    is_public: bool,
    dialect: Dialect,
) -> Option<Objection> {
    let names = grant_types.contains(&GrantType::ClientCredentials);
    (dialect == Dialect::Standard && is_public && names).then_some(Objection {
        cause: "names client_credentials, and a public client can prove nothing (RFC 6749 §4.4)",
        next_step: "give it a secret, or remove the grant",
    })
}

/// To the identifier of a resource.
///
/// RFC 8707 §2: an absolute URI without a fragment. A query belongs to one request and not to an API.
pub fn to_resource_identifier(identifier: &str) -> Option<Objection> {
    if let Some(cause) = oddity(identifier) {
        return Some(Objection {
            cause,
            next_step: NEXT_STEP,
        });
    }
    let Ok(url) = Url::parse(identifier) else {
        return Some(Objection {
            cause: "is not an absolute URI",
            next_step: "write all of it, such as https://api.example",
        });
    };
    if url.fragment().is_some() || url.query().is_some() {
        return Some(Objection {
            cause: "carries a query or a fragment (RFC 8707 §2)",
            next_step: "drop ? or # and what follows",
        });
    }
    None
}

/// To the word of a scope that a resource brings along (RFC 6749 §3.3).
pub fn to_resource_scope(word: &str) -> Option<Objection> {
    let is_letter = |b: u8| matches!(b, b'!' | b'#'..=b'[' | b']'..=b'~');
    if word.is_empty() || !word.bytes().all(is_letter) {
        return Some(Objection {
            cause: "is not a word that a scope may be (RFC 6749 §3.3)",
            next_step: "write letters, digits and signs without blanks, quotes and backslashes",
        });
    }
    if !matches!(Scope::parse(word), Scope::Unknown(_)) {
        return Some(Objection {
            cause: "is a scope about a person, which belongs to no resource",
            next_step: "give it a name of the resource's own, such as orders:read",
        });
    }
    Resource::of_consent_word(word).map(|_| Objection {
        cause: "begins as the words do under which consent to a resource is kept",
        next_step: "give it another name",
    })
}

/// To having a secret, or none.
pub fn to_secrets(has_secret: bool, is_public: bool, dialect: Dialect) -> Option<Objection> {
    match (has_secret, is_public) {
        (false, false) => Some(Objection {
            cause: "is missing",
            next_step: "give it one, or make it public if it can keep none",
        }),
        (true, true) if dialect == Dialect::Standard => Some(Objection {
            cause: "a public client can keep no secret (RFC 6749 §2.1)",
            next_step: "remove the secret, or public: true",
        }),
        _ => None,
    }
}

/// To a redirect URI of a tenant of our format.
///
/// RFC 6749 §3.1.2: absolute, without a fragment. RFC 9700 §2.6: https, but for loopback
/// (RFC 8252 §7.3) and for private-use schemes, which carry a dot (RFC 8252 §7.1).
pub fn to_redirect_uri(uri: &str) -> Option<Objection> {
    let (cause, next_step) = objection(uri)?;
    Some(Objection { cause, next_step })
}

/// To an address that logout tokens are posted to.
///
/// [Back-Channel Logout §2.2](https://openid.net/specs/openid-connect-backchannel-1_0.html#BCRegistration):
/// absolute, without a fragment, https; http for a client that can keep a secret, and here for this
/// machine.
pub fn to_backchannel_logout_uri(uri: &str, is_public: bool) -> Option<Objection> {
    let object = |cause, next_step| Some(Objection { cause, next_step });
    let url = match web_address(uri) {
        Ok(url) => url,
        Err(objection) => return Some(objection),
    };
    let is_here = url.host_str().is_some_and(is_this_machine);
    if url.scheme() == "http" && is_public && !is_here {
        return object(
            "tells a public client over the network unencrypted, which Back-Channel Logout §2.2 forbids",
            "write https://",
        );
    }
    None
}

/// To an address that browsers load in a frame.
///
/// [Front-Channel Logout §2](https://openid.net/specs/openid-connect-frontchannel-1_0.html#RPLogout):
/// absolute, and of the same scheme, host and port as a registered redirect URI.
pub fn to_frontchannel_logout_uri(uri: &str, redirect_uris: &[String]) -> Option<Objection> {
    let url = match web_address(uri) {
        Ok(url) => url,
        Err(objection) => return Some(objection),
    };
    let mut known = redirect_uris.iter().filter_map(|uri| Url::parse(uri).ok());
    let is_known = known.any(|known| known.origin() == url.origin());
    (!is_known).then_some(Objection {
        cause: "is of another origin than every redirect URI, which Front-Channel Logout §2 forbids",
        next_step: "name a page of the scheme, host and port of a redirect URI",
    })
}

/// An absolute http or https address without a fragment and a user name.
fn web_address(uri: &str) -> Result<Url, Objection> {
    let object = |cause, next_step| Err(Objection { cause, next_step });
    let next = "write all of it, such as https://app.example/logout";
    let Ok(url) = Url::parse(uri) else {
        return object("is not an absolute URI", next);
    };
    if !matches!(url.scheme(), "https" | "http") {
        return object("is no address of the web", next);
    }
    if url.fragment().is_some() {
        return object("carries a fragment", "drop # and what follows");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return object("carries a user name", "drop what stands before @");
    }
    Ok(url)
}

fn objection(uri: &str) -> Option<(&'static str, &'static str)> {
    let Ok(url) = Url::parse(uri) else {
        let next = "write all of it, such as https://app.example/callback";
        return Some(("is not an absolute URI", next));
    };
    if url.fragment().is_some() {
        return Some((
            "carries a fragment, which RFC 6749 §3.1.2 forbids",
            "drop # and what follows",
        ));
    }
    if uri.contains('*') {
        return Some((
            "has a wildcard, but redirect URIs are compared as text",
            "list each of them",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some(("carries a user name", "drop what stands before @"));
    }
    match url.scheme() {
        "https" => None,
        "http" if url.host_str().is_some_and(is_this_machine) => None,
        "http" => Some((
            "sends codes over the network unencrypted",
            "write https://; http is for this machine only",
        )),
        scheme if scheme.contains('.') => None,
        _ => Some((
            "has a scheme anybody may claim",
            "write https, or a scheme made of a domain, such as com.example.app",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClientId, ClientLogout, ClientSecret, IntrospectionScope};

    #[test]
    fn https_loopback_and_private_schemes_are_taken() {
        for uri in [
            "https://app.example/cb?x=1",
            "http://127.0.0.1:5555/callback",
            "http://[::1]/cb",
            "http://localhost/cb",
            "http://acme.localhost:5556/callback",
            "com.example.app:/cb",
        ] {
            assert_eq!(to_redirect_uri(uri), None, "{uri}");
        }
    }

    #[test]
    fn what_leaks_a_code_or_may_be_claimed_by_another_is_refused() {
        for (uri, why) in [
            ("/callback", "absolute"),
            ("https://app.example/#x", "fragment"),
            ("http://app.example/cb", "unencrypted"),
            ("myapp:/cb", "anybody"),
            ("javascript:alert(1)", "anybody"),
            ("https://*.app.example/cb", "wildcard"),
            ("https://u:p@app.example/cb", "user name"),
        ] {
            let cause = to_redirect_uri(uri).unwrap().cause;
            assert!(cause.contains(why), "{uri}: {cause}");
        }
    }

    #[test]
    fn a_logout_token_is_posted_to_the_web_and_encrypted_for_public_clients() {
        for (uri, is_public, why) in [
            ("https://app.example/out?x=1", true, None),
            ("http://app.svc:8080/out", false, None),
            ("http://127.0.0.1:5555/out", true, None),
            ("http://app.example/out", true, Some("unencrypted")),
            ("https://app.example/#out", false, Some("fragment")),
            ("/out", false, Some("absolute")),
            ("com.example.app:/out", false, Some("no address of the web")),
            ("https://u:p@app.example/", false, Some("user name")),
        ] {
            let told = to_backchannel_logout_uri(uri, is_public);
            assert_eq!(told.is_some(), why.is_some(), "{uri}");
            let told = told.map_or("", |objection| objection.cause);
            assert!(told.contains(why.unwrap_or_default()), "{uri}: {told}");
        }
    }

    #[test]
    fn a_frame_is_of_the_origin_of_a_redirect_uri() {
        let registered = ["https://app.example/cb", "http://127.0.0.1:5555/cb"];
        let registered = registered.map(str::to_owned);
        for (uri, is_taken) in [
            ("https://app.example/out", true),
            ("https://app.example:443/out", true),
            ("http://127.0.0.1:5555/out", true),
            ("http://127.0.0.1:5556/out", false),
            ("http://app.example/out", false),
            ("https://evil.example/out", false),
            ("https://app.example.evil.example/out", false),
            ("/out", false),
        ] {
            let told = to_frontchannel_logout_uri(uri, &registered);
            assert_eq!(told.is_none(), is_taken, "{uri}: {told:?}");
        }
    }

    fn a_client() -> Client {
        Client {
            id: ClientId::parse("app").unwrap(),
            name: "App".into(),
            secrets: vec![ClientSecret::new("s")],
            public: false,
            redirect_uris: vec!["https://app.example/cb".into()],
            post_logout_redirect_uris: Vec::new(),
            trusted_peers: Vec::new(),
            allowed_connectors: Vec::new(),
            grant_types: Vec::new(),
            skip_approval: false,
            require_pkce: false,
            sso_shared_with: None,
            id_token_signed_response_alg: None,
            access_token_signed_response_alg: None,
            logout: ClientLogout::default(),
            scopes: None,
            resources: Vec::new(),
            own_groups: Vec::new(),
            token_exchange: None,
            introspection: IntrospectionScope::default(),
            request_objects: None,
        }
    }

    /// A change of a client, and the objection to it of our dialect and of dex's.
    type Row = (fn(&mut Client), Option<&'static str>, Option<&'static str>);

    #[test]
    fn a_client_is_told_of_each_of_its_members_that_may_not_be() {
        let changed = |change: fn(&mut Client)| {
            let mut client = a_client();
            change(&mut client);
            client
        };
        let rows: [Row; 11] = [
            (
                |c| c.logout.backchannel_logout_uri = Some("/out".into()),
                Some("backchannel_logout_uri \"/out\" is not an absolute URI"),
                None,
            ),
            (
                |c| c.logout.frontchannel_logout_uri = Some("https://evil.example/".into()),
                Some("frontchannel_logout_uri \"https://evil.example/\" is of another origin"),
                None,
            ),
            (|_| {}, None, None),
            (
                |c| c.redirect_uris.push("http://app.example/cb".into()),
                Some("redirect_uris[1] \"http://app.example/cb\" sends codes over the network"),
                None,
            ),
            (
                |c| c.redirect_uris = vec!["https://app.example/c b".into()],
                Some("redirect_uris[0] \"https://app.example/c b\" holds a blank"),
                None,
            ),
            (
                |c| c.redirect_uris = vec!["https://app.example/\n".into()],
                Some("redirect_uris[0] \"https://app.example/\\n\" holds a line break"),
                Some("redirect_uris[0] \"https://app.example/\\n\" holds a line break"),
            ),
            (
                |c| c.post_logout_redirect_uris = vec!["myapp:/bye".into()],
                Some("post_logout_redirect_uris[0] \"myapp:/bye\" has a scheme anybody may claim"),
                None,
            ),
            (
                |c| c.redirect_uris.clear(),
                Some("redirect_uris is missing; list where codes may be sent"),
                None,
            ),
            (
                |c| c.secrets.clear(),
                Some("secrets is missing"),
                Some("secrets is missing"),
            ),
            (
                |c| {
                    c.public = true;
                    c.secrets.clear();
                    c.grant_types =
                        vec![GrantType::AuthorizationCode, GrantType::ClientCredentials];
                },
                Some("grant_types names client_credentials, and a public client can prove"),
                None,
            ),
            (
                |c| c.public = true,
                Some("secrets: a public client can keep no secret"),
                None,
            ),
        ];
        for (change, ours, dexs) in rows {
            let client = changed(change);
            for (dialect, expected) in [(Dialect::Standard, ours), (Dialect::Dex, dexs)] {
                let told = to_client(&client, dialect);
                assert_eq!(told.len(), usize::from(expected.is_some()), "{told:?}");
                let told = told.first().map(ToString::to_string).unwrap_or_default();
                assert!(told.starts_with(expected.unwrap_or_default()), "{told}");
            }
        }
    }

    #[test]
    fn a_client_gets_no_algorithm_but_those_its_tenant_signs_with() {
        let signed_with = ["RS256".to_owned(), "ES256".to_owned()];
        let told = |id_token: Option<&str>, access_token: Option<&str>| {
            let client = Client {
                id_token_signed_response_alg: id_token.map(str::to_owned),
                access_token_signed_response_alg: access_token.map(str::to_owned),
                ..a_client()
            };
            let told = to_algorithms(&client, &signed_with);
            told.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(told(None, None), [""; 0]);
        assert_eq!(told(Some("ES256"), Some("RS256")), [""; 0]);
        let next = "is not an algorithm the tenant signs with; name one of \
                    signer.config.algorithms, or add it there";
        for unknown in ["EdDSA", "none", "HS256", "es256"] {
            assert_eq!(
                told(Some(unknown), Some(unknown)),
                [
                    format!("id_token_signed_response_alg {unknown:?} {next}"),
                    format!("access_token_signed_response_alg {unknown:?} {next}"),
                ]
            );
        }
    }

    #[test]
    fn rfc_8707_2_a_resource_is_an_absolute_uri_without_query_and_fragment() {
        for identifier in [
            "https://api.example",
            "https://api.example/v1",
            "urn:acme:orders",
        ] {
            assert_eq!(to_resource_identifier(identifier), None, "{identifier}");
        }
        for (identifier, why) in [
            ("orders", "absolute"),
            ("/orders", "absolute"),
            ("https://api.example/#x", "fragment"),
            ("https://api.example/?x=1", "query"),
            ("https://api.example/a b", "blank"),
        ] {
            let cause = to_resource_identifier(identifier).unwrap().cause;
            assert!(cause.contains(why), "{identifier}: {cause}");
        }
    }

    #[test]
    fn a_scope_of_a_resource_is_a_word_that_means_nothing_else() {
        for word in ["orders:read", "https://api.example/read", "read"] {
            assert_eq!(to_resource_scope(word), None, "{word}");
        }
        for (word, why) in [
            ("", "not a word"),
            ("orders read", "not a word"),
            ("a\"b", "not a word"),
            ("openid", "about a person"),
            ("audience:server:client_id:app", "about a person"),
            ("resource:https://api.example", "consent"),
        ] {
            let cause = to_resource_scope(word).unwrap().cause;
            assert!(cause.contains(why), "{word}: {cause}");
        }
    }

    #[test]
    fn a_client_that_is_sent_no_codes_needs_no_redirect_uri() {
        let client = |grant| Client {
            redirect_uris: Vec::new(),
            grant_types: vec![grant],
            ..a_client()
        };
        let objections = |grant| to_client(&client(grant), Dialect::Standard).len();
        assert_eq!(objections(GrantType::RefreshToken), 0);
        assert_eq!(objections(GrantType::Implicit), 1, "tokens are sent there");
    }
}
