use std::borrow::Cow;

use insula_ambient::Timestamp;
use insula_jose::KeyRing;
use insula_model::{ClientId, GrantId, Login, RequestedClaims, TenantSpec};
use insula_oauth::{Scope, Scopes};

use super::refresh_token::begun_refresh_grant;
use crate::Refusal;
use crate::access::may_have;
use crate::audience::must_be_allowed;
use crate::token_plan::{Asker, LoginGrant, TokenPlan};

/// A name and a password that were found to be somebody's.
#[derive(Debug, Clone, PartialEq)]
pub struct PasswordGrant {
    /// The client that sent them.
    pub client_id: ClientId,
    /// The family of the tokens.
    pub grant_id: GrantId,
    /// What was asked for.
    pub scopes: Scopes,
    /// The resources that access tokens are asked for.
    pub resources: Vec<String>,
    /// `nonce` of the request.
    pub nonce: Option<String>,
    /// Who it is.
    pub login: Login,
}

/// What the tokens for a password are decided by.
#[derive(Debug, Clone, Copy)]
pub struct PasswordFacts<'a> {
    /// The tenant.
    pub spec: &'a TenantSpec,
    /// Its keys.
    pub keys: &'a KeyRing,
    /// What was proven.
    pub grant: &'a PasswordGrant,
    /// The client that sent it, and those that the scopes name.
    pub asker: Asker<'a>,
    /// Whether a refresh grant begins with it.
    pub begins_refresh: bool,
}

/// Whether a client may ask for these scopes with a password
/// ([RFC 6749 §4.3.2](https://www.rfc-editor.org/rfc/rfc6749#section-4.3.2)); nobody is asked for
/// consent. dex wants `openid` among them, and calls whatever is wrong with them an invalid request.
pub fn password_scopes(
    asked: &Scopes,
    resources: &[String],
    asker: Asker<'_>,
    spec: &TenantSpec,
) -> Result<(), Refusal> {
    judged(asked, resources, asker, spec).map_err(|why| Refusal::PasswordScopes(Box::new(why)))
}

fn judged(
    asked: &Scopes,
    resources: &[String],
    asker: Asker<'_>,
    spec: &TenantSpec,
) -> Result<(), Refusal> {
    if spec.rules.gives_id_token_without_openid && !asked.openid() {
        return Err(Refusal::MissingOpenIdScope);
    }
    let unknown = asked.iter().filter_map(|scope| match scope {
        Scope::Unknown(word) if spec.resource_of_scope(word).is_none() => Some(word.to_owned()),
        _ => None,
    });
    let unknown: Vec<String> = unknown.collect();
    if !unknown.is_empty() {
        return Err(Refusal::UnknownScope(unknown));
    }
    must_be_allowed(asked, &asker.client.id, asker.peers)?;
    may_have(asker.client, asked, resources, spec)
}

/// The tokens for a password.
pub fn password_plan(facts: PasswordFacts<'_>, now: Timestamp) -> Result<TokenPlan<'_>, Refusal> {
    let PasswordFacts { spec, grant, .. } = facts;
    let granted = LoginGrant {
        client_id: &grant.client_id,
        grant_id: &grant.grant_id,
        login: &grant.login,
        scopes: &grant.scopes,
        resources: &grant.resources,
        claims: RequestedClaims::default(),
        nonce: grant.nonce.as_deref(),
        code: None,
    };
    let begun = || begun_refresh_grant(granted, &spec.expiry.refresh, now, facts.keys);
    Ok(TokenPlan {
        refresh: facts.begins_refresh.then(|| Cow::Owned(begun())),
        ..TokenPlan::of_login(granted, facts.asker, spec)?
    })
}

#[cfg(test)]
mod tests {
    use insula_testkit::{a_client, a_login, a_tenant, test_keys};

    use super::*;
    use crate::Peers;

    #[test]
    fn what_may_be_asked_for_with_a_password_depends_on_the_dialect() {
        let (client, peers) = (a_client().build(), Peers::default());
        let unknown = || Refusal::UnknownScope(vec!["magic".to_owned()]);
        let peer = "audience:server:client_id:api";
        let untrusted = || Refusal::UntrustedAudience(vec![peer.to_owned()]);
        let rows = [
            ("openid email offline_access", None, None),
            ("", None, Some(Refusal::MissingOpenIdScope)),
            ("email", None, Some(Refusal::MissingOpenIdScope)),
            ("openid magic", Some(unknown()), Some(unknown())),
            (
                "openid audience:server:client_id:api",
                Some(untrusted()),
                Some(untrusted()),
            ),
        ];
        let (ours, dexs) = (a_tenant().build(), a_tenant().dex().build());
        for (scopes, in_ours, in_dex) in rows {
            let scopes = Scopes::parse(scopes);
            for (spec, why) in [(&ours, in_ours), (&dexs, in_dex)] {
                let asker = Asker {
                    client: &client,
                    peers: &peers,
                    resources: &[],
                };
                let told = password_scopes(&scopes, &[], asker, spec);
                let told = told.err();
                let why = why.map(|why| Refusal::PasswordScopes(Box::new(why)));
                assert_eq!(told, why, "{scopes} {:?}", spec.dialect);
            }
        }
    }

    #[test]
    fn a_refresh_grant_begins_with_the_password_where_it_may() {
        let (spec, keys, client) = (a_tenant().build(), test_keys(), a_client().build());
        let grant = PasswordGrant {
            client_id: ClientId::parse("app").unwrap(),
            grant_id: GrantId::parse("g1").unwrap(),
            scopes: Scopes::parse("openid offline_access"),
            resources: Vec::new(),
            nonce: Some("n".to_owned()),
            login: a_login(),
        };
        for begins_refresh in [true, false] {
            let facts = PasswordFacts {
                spec: &spec,
                keys: &keys,
                grant: &grant,
                asker: Asker {
                    client: &client,
                    peers: &Peers::default(),
                    resources: &[],
                },
                begins_refresh,
            };
            let plan = password_plan(facts, Timestamp::from_secs(5)).unwrap();
            assert_eq!(plan.nonce, Some("n"));
            let begun = plan.refresh.as_deref();
            assert_eq!(begun.is_some(), begins_refresh);
            if let Some(begun) = begun {
                assert_eq!(begun.grant_id, grant.grant_id);
                assert_eq!(begun.created_at, Timestamp::from_secs(5));
            }
        }
    }
}
