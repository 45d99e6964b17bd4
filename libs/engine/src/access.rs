//! What access tokens a client may have: for whom they are, and what they are good for.
//!
//! One vocabulary for every grant. [`may_have`] answers whether a client may ask for scopes and
//! resources at all, [`Access`] what a token of what was granted comes to. A resource and its scopes
//! are had by those clients alone that are allowed them by name; what is about a person is had by
//! all clients that are not restricted to less.

use insula_model::{ClaimSet, Client, Resource, TenantSpec};
use insula_oauth::{Scope, Scopes};

use crate::Refusal;
use crate::audience::Audience;

/// Whether `client` may ask for `scopes` and for access tokens for the `resources` it names
/// ([RFC 8707 §2](https://www.rfc-editor.org/rfc/rfc8707#section-2)).
///
/// Scopes of a resource must be of one that is named. Where none is named they say which resource is
/// meant, and must agree on one ([RFC 9068 §3](https://www.rfc-editor.org/rfc/rfc9068#section-3)).
/// Cross-client audiences are no matter of this: who may ask for those is said by the peers.
pub fn may_have(
    client: &Client,
    scopes: &Scopes,
    resources: &[String],
    spec: &TenantSpec,
) -> Result<(), Refusal> {
    if resources.len() > Resource::MOST_NAMED {
        return Err(Refusal::TooManyResources);
    }
    for resource in resources {
        may_have_resource(client, resource, spec)?;
    }
    let refused = scopes.words().filter(|word| !has_scope(client, word, spec));
    let refused: Vec<String> = refused.map(str::to_owned).collect();
    if !refused.is_empty() {
        return Err(Refusal::ScopeNotAllowed(refused));
    }
    let named_by_scopes = resources_of(scopes, spec);
    if resources.is_empty() {
        return match named_by_scopes.as_slice() {
            [] | [_] => Ok(()),
            _ => Err(Refusal::ScopesOfSeveralResources),
        };
    }
    let strays = scopes.words().filter(|word| {
        let owner = spec.resource_of_scope(word);
        owner.is_some_and(|owner| !resources.contains(&owner.identifier))
    });
    let strays: Vec<String> = strays.map(str::to_owned).collect();
    if strays.is_empty() {
        Ok(())
    } else {
        Err(Refusal::ScopeOfAnotherResource(strays))
    }
}

/// Whether `client` may have access tokens for one resource. The issuer is one too: its userinfo.
fn may_have_resource(client: &Client, resource: &str, spec: &TenantSpec) -> Result<(), Refusal> {
    let is_allowed = match spec.resource(resource) {
        Some(declared) => has_resource(client, declared),
        None => resource == spec.issuer.as_str(),
    };
    if is_allowed {
        Ok(())
    } else {
        Err(Refusal::ResourceNotAllowed(resource.to_owned()))
    }
}

/// Whether the client is allowed a resource, by itself or by a scope of it. A resource that is called
/// as the client is none: its access tokens would pass for the client's ID tokens.
fn has_resource(client: &Client, resource: &Resource) -> bool {
    let by_scope = client.scopes.iter().flatten();
    let is_named = client.resources.contains(&resource.identifier)
        || by_scope
            .into_iter()
            .any(|word| resource.scope(word).is_some());
    is_named && resource.identifier != client.id.as_str()
}

/// Whether the client may have a scope. One of a resource must be allowed by name; any other is, if
/// no list says otherwise.
fn has_scope(client: &Client, word: &str, spec: &TenantSpec) -> bool {
    if matches!(Scope::parse(word), Scope::Audience(_)) {
        return true;
    }
    match &client.scopes {
        Some(allowed) => allowed.iter().any(|one| one == word),
        None => spec.resource_of_scope(word).is_none(),
    }
}

/// The resources that scopes belong to, each once.
fn resources_of<'s>(scopes: &Scopes, spec: &'s TenantSpec) -> Vec<&'s Resource> {
    let mut found: Vec<&Resource> = Vec::new();
    for owner in scopes
        .words()
        .filter_map(|word| spec.resource_of_scope(word))
    {
        if !found.iter().any(|one| one.identifier == owner.identifier) {
            found.push(owner);
        }
    }
    found
}

/// What was granted, and what of it a token is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Granted<'a> {
    /// The scopes.
    pub scopes: &'a Scopes,
    /// The resources that were named when it was asked for; none where the scopes say it all.
    pub resources: &'a [String],
    /// The resources this token is asked for, of those; none for all.
    pub narrowed_to: &'a [String],
}

/// What an access token comes to ([RFC 9068](https://www.rfc-editor.org/rfc/rfc9068)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Whom it is for.
    pub audience: Audience,
    /// What it is good for there.
    pub scopes: Scopes,
    /// The claims about its subject that it may carry.
    pub carried: ClaimSet,
}

impl Access {
    /// The access token of what was granted to `client`.
    ///
    /// It is for the resources that were named, and for nobody else. Where none was named it is for
    /// the resource its scopes belong to, and where `openid` was granted, or nothing of a resource,
    /// for the issuer, whose userinfo endpoint reads it. It is never for the client. A token request
    /// narrows that to resources that were granted, the issuer included where `openid` was
    /// ([RFC 8707 §2.2](https://www.rfc-editor.org/rfc/rfc8707#section-2.2)).
    ///
    /// Which resources and scopes of them a client is allowed is asked again here, because it may have been withdrawn since: then
    /// the token is good for less, and where nothing is left there is none. Each audience has its
    /// own scopes and no other ones. Claims are carried if every resource of it is to have them.
    pub fn of(granted: Granted<'_>, client: &Client, spec: &TenantSpec) -> Result<Self, Refusal> {
        let Granted {
            scopes,
            resources,
            narrowed_to,
        } = granted;
        let issuer = spec.issuer.as_str();
        let by_scopes: Vec<&str> = resources_of(scopes, spec)
            .into_iter()
            .map(|resource| resource.identifier.as_str())
            .collect();
        let mut all: Vec<&str> = resources.iter().map(String::as_str).collect();
        if all.is_empty() {
            all.extend(&by_scopes);
            if all.is_empty() || scopes.openid() {
                all.push(issuer);
            }
        }
        let is_granted = |one: &str| all.contains(&one) || (one == issuer && scopes.openid());
        if let Some(other) = narrowed_to.iter().find(|one| !is_granted(one)) {
            return Err(Refusal::ResourceNotGranted(other.clone()));
        }
        let audience: Vec<&str> = if narrowed_to.is_empty() {
            let still = |one: &&str| may_have_resource(client, one, spec).is_ok();
            all.into_iter().filter(still).collect()
        } else {
            for one in narrowed_to {
                may_have_resource(client, one, spec)?;
            }
            narrowed_to.iter().map(String::as_str).collect()
        };
        let first = || resources.first().map(String::as_str);
        if audience.is_empty() {
            let gone = first().or(by_scopes.first().copied()).unwrap_or_default();
            return Err(Refusal::ResourceNotAllowed(gone.to_owned()));
        }
        let is_for = |one: &str| audience.contains(&one);
        let scopes = scopes.retain(|word| match spec.resource_of_scope(word) {
            Some(owner) => is_for(&owner.identifier) && has_scope(client, word, spec),
            None => is_for(issuer),
        });
        Ok(Self::at(audience, scopes, spec))
    }

    /// An access token of the form of an ID token, which is dex's.
    pub(crate) fn like_id_token(audience: Audience, scopes: &Scopes) -> Self {
        Self {
            audience,
            scopes: scopes.clone(),
            carried: ClaimSet::of_scopes(scopes),
        }
    }

    fn at(audience: Vec<&str>, scopes: Scopes, spec: &TenantSpec) -> Self {
        let readers = audience.iter().filter_map(|one| spec.resource(one));
        let carried = readers.map(|resource| resource.claims);
        let carried = carried.reduce(|one, other| one & other);
        Self {
            audience: Audience::of_resources(audience),
            scopes,
            carried: carried.unwrap_or_default(),
        }
    }
}

/// What a client may have for itself ([RFC 6749
/// §4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4)): the scopes it asks for, or where it
/// asks for none, all it is allowed at the resources it means.
///
/// Scopes about a person are refused, and so is the issuer as a resource: nobody logged in. Which
/// resource is meant is said by `resource`, else by the scopes, else by there being one alone.
pub fn of_client_itself(
    client: &Client,
    asked: &Scopes,
    resources: &[String],
    spec: &TenantSpec,
) -> Result<Access, Refusal> {
    let others = asked
        .words()
        .filter(|word| spec.resource_of_scope(word).is_none());
    let (unknown, of_people): (Vec<&str>, Vec<&str>) =
        others.partition(|word| matches!(Scope::parse(word), Scope::Unknown(_)));
    let owned = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect::<Vec<_>>();
    if !unknown.is_empty() {
        return Err(Refusal::UnknownScope(owned(unknown)));
    }
    if !of_people.is_empty() {
        return Err(Refusal::ScopeOfPeople(owned(of_people)));
    }
    may_have(client, asked, resources, spec)?;
    if let Some(undeclared) = resources.iter().find(|one| spec.resource(one).is_none()) {
        return Err(Refusal::ResourceNotAllowed(undeclared.clone()));
    }
    let mut meant: Vec<&Resource> = resources
        .iter()
        .filter_map(|one| spec.resource(one))
        .collect();
    if meant.is_empty() {
        meant = resources_of(asked, spec);
    }
    if meant.is_empty() {
        let allowed = spec.resources.iter();
        meant = allowed.filter(|one| has_resource(client, one)).collect();
        if meant.len() != 1 {
            return Err(Refusal::ResourceMissing);
        }
    }
    let scopes = if asked.is_empty() {
        let words = meant.iter().flat_map(|resource| &resource.scopes);
        let words = words.map(|scope| scope.name.as_str());
        let allowed: Vec<&str> = words.filter(|word| has_scope(client, word, spec)).collect();
        Scopes::parse(&allowed.join(" "))
    } else {
        Scopes::default().union(asked)
    };
    let audience = meant.iter().map(|resource| resource.identifier.as_str());
    Ok(Access::at(audience.collect(), scopes, spec))
}

#[cfg(test)]
mod tests;
