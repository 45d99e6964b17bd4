//! Which of a tenant's algorithms signs a token.

use insula_jose::{Alg, RotationPolicy};
use insula_model::{AccessTokenForm, Client, TenantSpec};

use crate::token_plan::TokenPlan;

/// What signs an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessTokenSigner {
    /// The key that signs fastest: the token is for our own userinfo endpoint and nobody else
    /// verifies it.
    Fastest,
    /// The key of this algorithm, which whoever the token is for can verify.
    Of(Alg),
}

/// The algorithm of the client's ID tokens: the one it was registered with
/// (`id_token_signed_response_alg`, [OpenID Connect Registration
/// §2](https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata)), else the
/// tenant's first. `None` only where the tenant has no algorithm at all.
pub fn id_token_alg(client: &Client, policy: &RotationPolicy) -> Option<Alg> {
    asked_for(client.id_token_signed_response_alg, policy)
}

/// What signs the access token of a plan.
///
/// A token whose only audience is the issuer is read by our userinfo endpoint alone, so that an RS256
/// client's login costs one RSA signature and not two. Any other is signed as the client says for the
/// resources it calls, else with the tenant's first algorithm: a resource server is another program
/// than the client, and what the client takes for its ID tokens says nothing of it. dex's access
/// tokens are like ID tokens, signature and all.
pub fn access_token_signer(
    plan: &TokenPlan<'_>,
    client: &Client,
    spec: &TenantSpec,
    policy: &RotationPolicy,
) -> Option<AccessTokenSigner> {
    match spec.rules.access_tokens {
        AccessTokenForm::LikeIdTokens => id_token_alg(client, policy).map(AccessTokenSigner::Of),
        AccessTokenForm::Rfc9068 if plan.is_for_userinfo_alone(spec) => {
            Some(AccessTokenSigner::Fastest)
        }
        AccessTokenForm::Rfc9068 => {
            asked_for(client.access_token_signed_response_alg, policy).map(AccessTokenSigner::Of)
        }
    }
}

/// An algorithm the tenant does not sign with is refused when a client is registered; should a stored
/// client still name one, the first is what the tenant promises everybody.
fn asked_for(asked: Option<Alg>, policy: &RotationPolicy) -> Option<Alg> {
    let asked = asked.filter(|alg| policy.algs.contains(alg));
    asked.or_else(|| policy.algs.first().copied())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use insula_model::{ClaimSet, GrantId, RequestedClaims};
    use insula_oauth::Scopes;
    use insula_testkit::{a_client, a_tenant, test_rotation};

    use super::*;
    use crate::audience::Audience;
    use crate::token_plan::Subject;

    fn policy(algs: &[Alg]) -> RotationPolicy {
        RotationPolicy {
            algs: algs.to_vec(),
            ..test_rotation()
        }
    }

    fn client(id_token: Option<Alg>, access_token: Option<Alg>) -> Client {
        Client {
            id_token_signed_response_alg: id_token,
            access_token_signed_response_alg: access_token,
            ..a_client().build()
        }
    }

    #[test]
    fn a_client_that_asks_for_nothing_gets_the_tenants_first_algorithm() {
        let policy = policy(&[Alg::RS256, Alg::ES256]);
        for (asked, alg) in [
            (None, Alg::RS256),
            (Some(Alg::RS256), Alg::RS256),
            (Some(Alg::ES256), Alg::ES256),
            (Some(Alg::EdDSA), Alg::RS256),
        ] {
            assert_eq!(
                id_token_alg(&client(asked, None), &policy),
                Some(alg),
                "{asked:?}"
            );
        }
    }

    #[test]
    fn an_access_token_is_signed_for_whoever_verifies_it() {
        use AccessTokenSigner::{Fastest, Of};
        let policy = policy(&[Alg::RS256, Alg::ES256]);
        let (ours, dexs) = (a_tenant().build(), a_tenant().dex().build());
        let (rs, es) = (Of(Alg::RS256), Of(Alg::ES256));
        for (spec, audience, id_token, access_token, signer) in [
            // Our userinfo endpoint alone.
            (&ours, &["https://acme.test"][..], None, None, Fastest),
            (
                &ours,
                &["https://acme.test"],
                Some(Alg::RS256),
                Some(Alg::RS256),
                Fastest,
            ),
            // Somebody else besides.
            (
                &ours,
                &["https://api.test", "https://acme.test"],
                None,
                None,
                rs,
            ),
            (
                &ours,
                &["https://api.test", "https://acme.test"],
                Some(Alg::ES256),
                None,
                rs,
            ),
            (&ours, &["https://api.test"], None, Some(Alg::ES256), es),
            (
                &ours,
                &["https://api.test"],
                Some(Alg::ES256),
                Some(Alg::RS256),
                rs,
            ),
            // dex's is like the ID token.
            (&dexs, &["https://acme.test"], None, None, rs),
            (&dexs, &["app"], Some(Alg::ES256), None, es),
        ] {
            let (client, scopes) = (client(id_token, access_token), Scopes::parse("openid"));
            let plan = TokenPlan {
                client_id: &client.id,
                grant_id: &GrantId::parse("family1").unwrap(),
                subject: Subject::Client(&client),
                actor: None,
                scopes: &scopes,
                claims: RequestedClaims::default(),
                nonce: None,
                audience: Audience::of_resources(audience.to_vec()),
                access_scopes: scopes.clone(),
                carried: ClaimSet::default(),
                lifetime: Duration::from_mins(5),
                id_token: None,
                refresh: None,
            };
            let found = access_token_signer(&plan, &client, spec, &policy);
            assert_eq!(
                found,
                Some(signer),
                "{audience:?} {id_token:?} {access_token:?}"
            );
        }
    }
}
