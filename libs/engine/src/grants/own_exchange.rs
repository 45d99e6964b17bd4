//! An access token of ours for another one: a service calls the next for whoever called it.

use std::time::Duration;

use insula_model::{
    AccessTokensOf, Claim, ClaimSet, Client, ClientId, ExchangeAccessTokens, GrantId,
    RequestedClaims, Resource, TenantSpec,
};
use insula_oauth::{Scopes, TokenType};

use crate::Refusal;
use crate::access::{Access, Granted, may_have};
use crate::access_token::VerifiedToken;
use crate::token_plan::{Actor, EarlierSubject, Subject, TokenPlan};

/// So often may a token be exchanged for another, one after the other, and so many may act.
const LONGEST_CHAIN: usize = 4;

/// What the exchange of an access token of ours is decided by. Both tokens were verified, and stand.
#[derive(Debug, Clone, Copy)]
pub struct OwnExchange<'a> {
    /// The tenant.
    pub spec: &'a TenantSpec,
    /// The client that exchanges it, which proved who it is.
    pub client: &'a Client,
    /// The subject token.
    pub subject: &'a VerifiedToken,
    /// The actor's token.
    pub actor: Option<&'a VerifiedToken>,
    /// The resources that are asked for.
    pub resources: &'a [String],
    /// The scopes that are asked for.
    pub scopes: Option<&'a Scopes>,
}

/// What it comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnExchanged {
    /// What the new token is for and good for.
    pub access: Access,
    /// Who acts for its subject.
    pub actor: Option<Actor>,
    /// How long it lives at most; it ends with the subject token before that.
    pub lifetime: Duration,
    /// The families it ends with: that of the subject token, and those that one ends with.
    pub families: Vec<GrantId>,
}

/// Whether a client may have another access token for one of ours, and what that is good for
/// ([RFC 8693 §2.1](https://www.rfc-editor.org/rfc/rfc8693#section-2.1)).
///
/// What is not listed is refused. The subject token must be one that the client's policy takes: for a
/// resource that the client serves, or issued to a client that is named. The new one is for resources
/// the client is allowed, and good for what the subject token was good for and what the policy adds, as
/// far as the client is allowed it. It tells of the person no more than the subject token does, lives
/// no longer, and ends with it. Who acted stays in every later token
/// ([§4.1](https://www.rfc-editor.org/rfc/rfc8693#section-4.1)).
pub fn own_exchange(facts: OwnExchange<'_>) -> Result<OwnExchanged, Refusal> {
    let OwnExchange {
        spec,
        client,
        subject,
        ..
    } = facts;
    let refused = |why: &str| Refusal::SubjectTokenRefused(why.to_owned());
    let entry = entry_of(client, subject, spec)
        .ok_or_else(|| refused("the client's policy takes no such token of this tenant"))?;
    let families = families(subject)?;
    let actor = actor(facts, entry)?;
    let access = access(facts, entry)?;
    let told = Claim::ALL.into_iter();
    let told: ClaimSet = told
        .filter(|claim| subject.claims.get(claim.name()).is_some())
        .collect();
    Ok(OwnExchanged {
        access: Access {
            carried: access.carried & told,
            ..access
        },
        actor,
        lifetime: spec.expiry.access_tokens,
        families,
    })
}

/// The entry of the client's policy that takes the token: the first.
fn entry_of<'c>(
    client: &'c Client,
    subject: &VerifiedToken,
    spec: &TenantSpec,
) -> Option<&'c ExchangeAccessTokens> {
    let takes = |entry: &&ExchangeAccessTokens| match &entry.which {
        AccessTokensOf::Resource(identifier) => {
            let resource = spec.resource(identifier);
            subject.is_for(identifier)
                && resource.is_some_and(|resource| resource.servers.contains(&client.id))
        }
        AccessTokensOf::Client(id) => subject.client_id() == Some(id.as_str()),
    };
    let policy = client.token_exchange.as_ref()?;
    policy.access_tokens.iter().find(takes)
}

fn families(subject: &VerifiedToken) -> Result<Vec<GrantId>, Refusal> {
    let refused = |why: &str| Refusal::SubjectTokenRefused(why.to_owned());
    let (own, before) = subject
        .grant()
        .zip(subject.exchanged_from())
        .ok_or_else(|| refused("what it says of the grant it came of cannot be read"))?;
    let families: Vec<GrantId> = std::iter::once(own).chain(before).collect();
    if families.len() > LONGEST_CHAIN {
        let why = format!("a token is exchanged {LONGEST_CHAIN} times in a row at most");
        return Err(refused(&why));
    }
    Ok(families)
}

/// What is asked for, if the client may have it and the token or the policy has it too. Where no scope is
/// asked for, it is all of that.
fn access(facts: OwnExchange<'_>, entry: &ExchangeAccessTokens) -> Result<Access, Refusal> {
    let OwnExchange {
        spec,
        client,
        subject,
        resources,
        ..
    } = facts;
    if let Some(other) = resources.iter().find(|one| spec.resource(one).is_none()) {
        return Err(Refusal::ResourceNotAllowed(other.clone()));
    }
    let had = subject.scopes();
    let is_had = |word: &str| had.contains(word) || entry.scopes.iter().any(|one| one == word);
    let asked = facts.scopes.filter(|asked| !asked.is_empty());
    let scopes = match asked {
        Some(asked) => {
            let beyond = asked.words().filter(|word| !is_had(word));
            let beyond: Vec<String> = beyond.map(str::to_owned).collect();
            if !beyond.is_empty() {
                return Err(Refusal::ScopeNotAllowed(beyond));
            }
            asked.retain(|_| true)
        }
        None => all_of(resources, spec, is_had),
    };
    let of_people = scopes
        .words()
        .filter(|word| spec.resource_of_scope(word).is_none());
    let of_people: Vec<String> = of_people.map(str::to_owned).collect();
    if !of_people.is_empty() {
        return Err(Refusal::ScopeNotAllowed(of_people));
    }
    if resources.is_empty() && scopes.is_empty() {
        return Err(Refusal::ResourceMissing);
    }
    let scopes = match asked {
        Some(_) => scopes,
        // What the client is not allowed it did not ask for.
        None => scopes.retain(|word| may_have(client, &Scopes::parse(word), &[], spec).is_ok()),
    };
    may_have(client, &scopes, resources, spec)?;
    let granted = Granted {
        scopes: &scopes,
        resources,
        narrowed_to: &[],
    };
    Access::of(granted, client, spec)
}

/// The scopes of these resources that there are to be had.
fn all_of(resources: &[String], spec: &TenantSpec, is_had: impl Fn(&str) -> bool) -> Scopes {
    let named = resources.iter().filter_map(|one| spec.resource(one));
    let words = named.flat_map(|resource: &Resource| &resource.scopes);
    let words = words.map(|scope| scope.name.as_str());
    let had: Vec<&str> = words.filter(|word| is_had(word)).collect();
    Scopes::parse(&had.join(" "))
}

/// Who acts: the actor that is named, and behind them whoever acted before.
fn actor(facts: OwnExchange<'_>, entry: &ExchangeAccessTokens) -> Result<Option<Actor>, Refusal> {
    let OwnExchange { spec, client, .. } = facts;
    let unread = "who acts for its subject cannot be read";
    let before = facts.subject.actor();
    let before = before.map_err(|_| Refusal::SubjectTokenRefused(unread.to_owned()))?;
    let refused = |why: &str| Err(Refusal::ActorTokenRefused(why.to_owned()));
    let Some(token) = facts.actor else {
        return if entry.requires_actor {
            refused("the client's policy asks for one")
        } else {
            Ok(before)
        };
    };
    let of: Option<&ClientId> = entry
        .actors
        .iter()
        .find(|one| token.client_id() == Some(one.as_str()));
    if of.is_none() {
        return refused("it is of a client that does not act by the client's policy");
    }
    if !token.concerns(&client.id, spec) {
        return refused("it is neither the client's own nor meant for it");
    }
    if !matches!(token.actor(), Ok(None)) {
        return refused("somebody acts for the actor");
    }
    let Some((sub, _)) = token.subject() else {
        return refused("it names nobody");
    };
    let actor = Actor {
        sub: sub.to_owned(),
        act: before.map(Box::new),
    };
    if actor.depth() > LONGEST_CHAIN {
        return refused("too many act for each other");
    }
    Ok(Some(actor))
}

/// Which token is asked for: an access token, by either of its names.
pub fn own_requested_type(requested: TokenType) -> Result<TokenType, Refusal> {
    match requested {
        TokenType::AccessToken | TokenType::Jwt => Ok(requested),
        TokenType::IdToken => Err(Refusal::RequestedTokenType(requested.as_str().to_owned())),
    }
}

/// The token of an exchange, of a family of its own.
pub fn own_exchange_plan<'a>(
    client: &'a Client,
    grant_id: &'a GrantId,
    exchanged: &'a OwnExchanged,
    subject: &'a EarlierSubject,
) -> TokenPlan<'a> {
    TokenPlan {
        client_id: &client.id,
        grant_id,
        subject: Subject::Earlier(subject),
        actor: exchanged.actor.clone(),
        scopes: &exchanged.access.scopes,
        claims: RequestedClaims::default(),
        nonce: None,
        audience: exchanged.access.audience.clone(),
        access_scopes: exchanged.access.scopes.clone(),
        carried: exchanged.access.carried,
        lifetime: exchanged.lifetime,
        id_token: None,
        refresh: None,
    }
}
