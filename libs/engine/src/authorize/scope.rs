use insula_model::{Client, Rules, TenantSpec};
use insula_oauth::{ResponseType, Scope, Scopes};

use crate::access::may_have;
use crate::{Peers, Refusal, audience};

/// The scopes a request may have.
///
/// OpenID Connect Core §3.1.2.1 has unknown scopes ignored; dex refuses them, and refuses a request
/// without `openid`, which the RFCs leave to plain OAuth. dex keeps words that come twice. A
/// cross-client audience must be of a client that trusts this one, in both dialects. Scopes of a
/// resource, and the resources that the request names, must be allowed to the client.
pub(crate) fn allowed(
    asked: Option<&str>,
    resources: &[String],
    client: &Client,
    peers: &Peers,
    spec: &TenantSpec,
) -> Result<Scopes, Refusal> {
    let (rules, scopes) = (&spec.rules, Scopes::parse(asked.unwrap_or_default()));
    let unknown = |word: &str| match Scope::parse(word) {
        Scope::Unknown(_) => spec.resource_of_scope(word).is_none(),
        Scope::Address | Scope::Phone => rules.knows_claims_of_dex_only,
        _ => false,
    };
    if rules.is_strict_about_scopes {
        if !scopes.openid() {
            return Err(Refusal::MissingOpenIdScope);
        }
        let unknown: Vec<_> = scopes
            .words()
            .filter(|w| unknown(w))
            .map(str::to_owned)
            .collect();
        if !unknown.is_empty() {
            return Err(Refusal::UnknownScope(unknown));
        }
    }
    audience::must_be_allowed(&scopes, &client.id, peers)?;
    let known = if rules.is_strict_about_scopes {
        scopes
    } else {
        Scopes::default().union(&scopes.retain(|word| !unknown(word)))
    };
    if known.is_empty() && resources.is_empty() {
        return Err(Refusal::MissingOpenIdScope);
    }
    may_have(client, &known, resources, spec)?;
    Ok(known)
}

/// Of these, the scopes that count for a response type: `offline_access` does only where a code comes
/// of it ([OpenID Connect Core
/// §11](https://openid.net/specs/openid-connect-core-1_0.html#OfflineAccess)). dex keeps what was
/// written.
pub(super) fn that_count(scopes: Scopes, response_type: ResponseType, rules: &Rules) -> Scopes {
    if response_type.code || rules.is_strict_about_scopes {
        return scopes;
    }
    scopes.retain(|word| word != "offline_access")
}
