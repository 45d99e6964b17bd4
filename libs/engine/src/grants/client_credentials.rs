use insula_model::{Client, GrantId, RequestedClaims, TenantSpec};
use insula_oauth::{ClientCredentialsRequest, GrantType, Scope, Scopes};

use crate::access::{Access, of_client_itself};
use crate::audience::Audience;
use crate::token_plan::{IdTokenPlan, Subject, TokenPlan};
use crate::{Peers, Refusal, subject};

/// Whether `client` may have tokens that are about itself, and what they are good for.
///
/// [RFC 6749 §4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4): confidential clients only. In
/// our dialect `grantTypes` of the client must name the grant, because no login stands behind it, and
/// its tokens are for resources. A client that is called as the `sub` of a person is refused, or a
/// resource would take it for that person
/// ([RFC 9700 §4.15](https://www.rfc-editor.org/rfc/rfc9700#section-4.15)).
///
/// dex serves every confidential client. It knows the scopes of a person here too, for the client's
/// name and groups, but none that needs a login or a connector.
pub fn client_credentials(
    request: &ClientCredentialsRequest,
    client: &Client,
    peers: &Peers,
    spec: &TenantSpec,
) -> Result<Access, Refusal> {
    if client.public {
        return Err(Refusal::PublicClientHasNoCredentials);
    }
    let asked = request.scope.clone().unwrap_or_default();
    if !spec.rules.client_credentials_are_for_resources {
        must_be_known_to_dex(&asked)?;
        let audience = Audience::of(&asked, &client.id, peers)?;
        return Ok(Access::like_id_token(audience, &asked));
    }
    if !client.may_use_by_name(GrantType::ClientCredentials) {
        return Err(Refusal::GrantNotAllowed);
    }
    if subject::decode(client.id.as_str()).is_some() {
        return Err(Refusal::ClientIsCalledAsPerson);
    }
    of_client_itself(client, &asked, &request.resources, spec)
}

fn must_be_known_to_dex(asked: &Scopes) -> Result<(), Refusal> {
    let of_people = asked.words().find(|word| {
        matches!(
            Scope::parse(word),
            Scope::OfflineAccess | Scope::FederatedId
        )
    });
    if let Some(word) = of_people {
        return Err(Refusal::ScopeOfPeople(vec![word.to_owned()]));
    }
    let is_known = |word: &&str| {
        matches!(
            Scope::parse(word),
            Scope::OpenId | Scope::Email | Scope::Profile | Scope::Groups | Scope::Audience(_)
        )
    };
    let unknown = asked.words().filter(|word| !is_known(word));
    let unknown: Vec<String> = unknown.map(str::to_owned).collect();
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(Refusal::UnknownScope(unknown))
    }
}

/// What the tokens of a client itself are decided by.
#[derive(Debug, Clone, Copy)]
pub struct ClientCredentialsFacts<'a> {
    /// The tenant.
    pub spec: &'a TenantSpec,
    /// The client.
    pub client: &'a Client,
    /// The family of the token: it alone is in it.
    pub grant_id: &'a GrantId,
    /// What [`client_credentials`] granted.
    pub access: &'a Access,
}

/// The tokens of a client itself. There is no refresh token ([RFC 6749
/// §4.4.3](https://www.rfc-editor.org/rfc/rfc6749#section-4.4.3)): it would prove nothing that the
/// client cannot prove anew.
///
/// In our dialect there is no ID token, since there is no person; dex gives one with `openid`.
pub fn client_credentials_plan<'a>(
    request: &'a ClientCredentialsRequest,
    facts: ClientCredentialsFacts<'a>,
) -> TokenPlan<'a> {
    let ClientCredentialsFacts {
        spec,
        client,
        grant_id,
        access,
    } = facts;
    let scopes = &access.scopes;
    let has_id_token = !spec.rules.client_credentials_are_for_resources && scopes.openid();
    let id_token = has_id_token.then(|| IdTokenPlan {
        audience: access.audience.clone(),
        lifetime: spec.expiry.id_tokens,
        code: None,
    });
    TokenPlan {
        client_id: &client.id,
        grant_id,
        subject: Subject::Client(client),
        actor: None,
        scopes,
        claims: RequestedClaims::default(),
        nonce: request.nonce.as_deref(),
        audience: access.audience.clone(),
        access_scopes: access.scopes.clone(),
        carried: access.carried,
        lifetime: spec.expiry.access_tokens,
        id_token,
        refresh: None,
    }
}

#[cfg(test)]
mod tests;
