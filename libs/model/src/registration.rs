//! What a client may be registered with, whether a file says so or a row of the database.
//!
//! Each function answers why something may not be, if it may not.

use std::fmt;

use insula_oauth::{GrantType, Scope};
use url::Url;

use crate::address::{NEXT_STEP, is_refused_by_dex, is_this_machine, oddity};
use crate::{Client, Resource, Rules};

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

/// To a client as a whole, whose tenant follows `rules`. dex takes nearly everything.
pub fn to_client(client: &Client, rules: &Rules) -> Vec<ClientObjection> {
    let mut all = Vec::new();
    for (name, uris) in [
        ("redirect_uris", &client.redirect_uris),
        (
            "post_logout_redirect_uris",
            &client.post_logout_redirect_uris,
        ),
    ] {
        for (n, uri) in uris.iter().enumerate() {
            let objection = to_odd_address(uri, rules).or_else(|| {
                let strictly = rules.is_strict_about_clients;
                strictly.then(|| to_redirect_uri(uri)).flatten()
            });
            all.extend(objection.map(|objection| ClientObjection {
                member: format!("{name}[{n}] {uri:?}"),
                objection,
            }));
        }
    }
    all.extend(to_logout(client, rules));
    let objection = to_no_redirect_uri(&client.redirect_uris, &client.grant_types, rules);
    all.extend(objection.map(|objection| ClientObjection {
        member: "redirect_uris".to_owned(),
        objection,
    }));
    let objection = to_grants(&client.grant_types, client.public, rules);
    all.extend(objection.map(|objection| ClientObjection {
        member: "grant_types".to_owned(),
        objection,
    }));
    let has_secret = !client.secrets.is_empty();
    if let Some(objection) = to_secrets(has_secret, client.public, rules) {
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
            client.id_token_signed_response_alg,
        ),
        (
            "access_token_signed_response_alg",
            client.access_token_signed_response_alg,
        ),
    ];
    let objections = asked.into_iter().filter_map(|(member, asked)| {
        let asked = asked?.as_str();
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

fn to_logout(client: &Client, rules: &Rules) -> Vec<ClientObjection> {
    let logout = &client.logout;
    let back = logout.backchannel_logout_uri.as_ref().map(|uri| {
        let objection = || {
            to_backchannel_logout_uri(uri, client.public).filter(|_| rules.is_strict_about_clients)
        };
        let objection = to_odd_address(uri, rules).or_else(objection);
        ("backchannel_logout_uri", uri, objection)
    });
    let front = logout.frontchannel_logout_uri.as_ref().map(|uri| {
        let registered = &client.redirect_uris;
        let objection = || {
            to_frontchannel_logout_uri(uri, registered).filter(|_| rules.is_strict_about_clients)
        };
        let objection = to_odd_address(uri, rules).or_else(objection);
        ("frontchannel_logout_uri", uri, objection)
    });
    let both = back.into_iter().chain(front);
    both.filter_map(|(name, uri, objection)| {
        let member = format!("{name} {uri:?}");
        objection.map(|objection| ClientObjection { member, objection })
    })
    .collect()
}

fn to_odd_address(uri: &str, rules: &Rules) -> Option<Objection> {
    if !rules.is_strict_about_clients && !is_refused_by_dex(uri) {
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
    rules: &Rules,
) -> Option<Objection> {
    let is_sent_back =
        |grant: &GrantType| matches!(grant, GrantType::AuthorizationCode | GrantType::Implicit);
    let gets_answers = grant_types.is_empty() || grant_types.iter().any(is_sent_back);
    let lacks_one = rules.is_strict_about_clients && gets_answers && redirect_uris.is_empty();
    lacks_one.then_some(Objection {
        cause: "is missing",
        next_step: "list where codes may be sent",
    })
}

/// To the grants of a client.
pub fn to_grants(grant_types: &[GrantType], is_public: bool, rules: &Rules) -> Option<Objection> {
    let names = grant_types.contains(&GrantType::ClientCredentials);
    (rules.is_strict_about_clients && is_public && names).then_some(Objection {
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
pub fn to_secrets(has_secret: bool, is_public: bool, rules: &Rules) -> Option<Objection> {
    match (has_secret, is_public) {
        (false, false) => Some(Objection {
            cause: "is missing",
            next_step: "give it one, or make it public if it can keep none",
        }),
        (true, true) if rules.is_strict_about_clients => Some(Objection {
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
mod tests;
