use std::borrow::Cow;
use std::time::Duration;

use insula_ambient::{Timestamp, base32_lower};
use insula_jose::{KeyRing, constant_time_eq, hmac_sha256};
use insula_model::{
    Client, CodeGrant, ConnectorSpec, GrantId, Login, RefreshGrant, RefreshId, RefreshPolicy,
    RefreshSecret, ReplacedRefreshToken, Rules, TenantSpec,
};
use insula_oauth::{GrantType, Scopes};
use insula_secret::Secret;

use crate::token_plan::{Asker, LoginGrant, TokenPlan};
use crate::{Refusal, string_pair};

/// How many replaced secrets of a token are still known as such.
const KNOWN_OBSOLETE: u32 = 64;

/// How long the note that a token was given out may be on its way from another process. A tenant of
/// ours without a reuse interval forgives nothing before that.
const NOTED_WITHIN: Duration = Duration::from_secs(1);

/// A refresh token, taken apart: which grant, and the secret that proves it.
///
/// dex's form: base64url without padding of the protobuf message
/// `RefreshToken { string refresh_id = 1; string token = 2; }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// Which grant.
    pub id: RefreshId,
    /// The proof; empty in dex's oldest tokens.
    pub secret: RefreshSecret,
}

impl RefreshToken {
    /// Reads a token; `None` if it cannot be one. In dex's dialect a text of another form is a bare
    /// id without a secret, as dex wrote them long ago.
    pub fn parse(text: &str, rules: &Rules) -> Option<Self> {
        let (id, secret) = match string_pair::decode(text) {
            Some(pair) => pair,
            None if rules.takes_refresh_token_without_secret => (text.to_owned(), String::new()),
            None => return None,
        };
        Some(Self {
            id: RefreshId::parse(id).ok()?,
            secret: RefreshSecret::new(secret),
        })
    }

    /// The token of a grant as it stands.
    pub fn current(grant: &RefreshGrant, keys: &KeyRing) -> Self {
        Self {
            id: grant.id.clone(),
            secret: Secrets::new(keys).of(&grant.id, grant.generation),
        }
    }

    /// As it goes to the client.
    pub fn encode(&self) -> String {
        string_pair::encode(self.id.as_str(), self.secret.reveal())
    }

    /// Whether this is, or once was, the token of `grant`, and not garbage beside a right id.
    pub fn is_of(&self, grant: &RefreshGrant, keys: &KeyRing) -> bool {
        Secrets::new(keys).compare(self, grant) != Presented::Unknown
    }
}

/// What a presented secret is among those of its grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presented {
    Current,
    /// The one before the current.
    Previous,
    /// An older one.
    Obsolete,
    /// None of them: garbage.
    Unknown,
}

/// The secrets of a tenant's refresh tokens. They are not kept but derived from the ring's own
/// secret, so that neither database nor backup holds one, and the current one can be said again.
struct Secrets(Secret<[u8; 32]>);

impl Secrets {
    fn new(keys: &KeyRing) -> Self {
        Self(keys.derive("refresh-token"))
    }

    /// The secret of a generation, in dex's form of 25 letters and digits.
    fn of(&self, id: &RefreshId, generation: u32) -> RefreshSecret {
        let message = [id.as_str().as_bytes(), &[0], &generation.to_be_bytes()].concat();
        let mac = hmac_sha256(self.0.reveal(), &message);
        let (secret, rest) = mac.split_at(15);
        let letter = b'a' + rest.first().copied().unwrap_or_default() % 26;
        RefreshSecret::new(format!("{}{}", char::from(letter), base32_lower(secret)))
    }

    fn compare(&self, presented: &RefreshToken, grant: &RefreshGrant) -> Presented {
        let is = |generation| {
            let secret = self.of(&grant.id, generation);
            constant_time_eq(
                secret.reveal().as_bytes(),
                presented.secret.reveal().as_bytes(),
            )
        };
        let current = grant.generation;
        if is(current) {
            return Presented::Current;
        }
        let oldest = current.saturating_sub(KNOWN_OBSOLETE);
        match (oldest..current).rev().find(|generation| is(*generation)) {
            Some(generation) if generation + 1 == current => Presented::Previous,
            Some(_) => Presented::Obsolete,
            None => Presented::Unknown,
        }
    }
}

/// What a use of a refresh token is judged by.
#[derive(Debug, Clone, Copy)]
pub struct RefreshFacts<'a> {
    /// The tenant.
    pub spec: &'a TenantSpec,
    /// Its keys.
    pub keys: &'a KeyRing,
    /// The client that presents the token, authenticated.
    pub client: &'a Client,
    /// The grant of the token's id.
    pub grant: &'a RefreshGrant,
    /// When the request came.
    pub came_at: Timestamp,
    /// When the grant was asked for: its answer may have been long on its way.
    pub asked_at: Timestamp,
    /// Whether this request found the token to be the current one, and another was faster to
    /// replace it.
    pub was_current: bool,
}

/// What a good refresh token comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshUse {
    /// The grant stays as it is, nobody is asked, and the current token is said again.
    Repeat,
    /// The grant is used: the connector is asked for claims, and its age without use begins anew.
    Use {
        /// Whether it gets a new secret.
        rotate: bool,
    },
}

/// Whether `client` may use a refresh token, and how.
///
/// [RFC 6749 §6](https://www.rfc-editor.org/rfc/rfc6749#section-6), rotation and reuse per
/// [RFC 9700 §4.14.2](https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2): a secret that was
/// replaced condemns the family, unless it is the last one and its replacement was given out so
/// recently that the answer may have been lost, or is not known to have been given out at all. What
/// was never a secret of the grant condemns nothing, or anybody who knows an id could log people
/// out.
///
/// A request that found its token current and lost the race to replace it used no stolen token,
/// however long it was held up: in our dialect it is told what the faster one got, and if that was
/// replaced since too, it is refused and ends nothing.
///
/// In our dialect the tokens of public clients always rotate. dex repeats the current token too
/// within the reuse interval, counted from when the token was issued or used, and refuses a replaced
/// one without ending the family: its clients refresh side by side and only one of them wins.
pub fn refresh_token(
    presented: &RefreshToken,
    facts: RefreshFacts<'_>,
    now: Timestamp,
) -> Result<RefreshUse, Refusal> {
    let RefreshFacts {
        spec,
        keys,
        client,
        grant,
        came_at,
        asked_at,
        was_current,
    } = facts;
    let (rules, policy) = (&spec.rules, &spec.expiry.refresh);
    let family = || grant.grant_id.clone();
    let secret = Secrets::new(keys).compare(presented, grant);
    if secret == Presented::Unknown {
        return Err(Refusal::RefreshUnknown);
    }
    if grant.client_id != client.id {
        return Err(Refusal::RefreshOfAnotherClient { grant: family() });
    }
    let ends = ends_at(grant.created_at, grant.last_used_at, policy).min(grant.expires_at);
    if now >= ends {
        return Err(Refusal::RefreshExpired { grant: family() });
    }
    // Until the grant was asked for, or it would be the stall of a database that is held against
    // the client. Both ways: a use that lies far ahead was written by a clock that was set back
    // since.
    let used = grant.last_used_at;
    let distance = asked_at.since(used).max(used.since(now));
    let is_young = policy.reuse_interval > Duration::ZERO && distance <= policy.reuse_interval;
    let rotate = policy.rotate || (rules.rotates_for_public_clients && client.public);
    let condemns = rules.replaced_refresh_token == ReplacedRefreshToken::EndsFamily;
    let asks_at_once = condemns && policy.reuse_interval == Duration::ZERO;
    let is_untold = !grant.answered && (!asks_at_once || now >= grant.last_used_at + NOTED_WITHIN);
    // Where a store stalls, another node serves the client's second try meanwhile, and the first
    // finds its token replaced, perhaps twice. A use that lies ahead was written by another clock.
    let is_overtaken = used > came_at && used <= now;
    let repeats = rules.repeats_current_refresh_token;
    match secret {
        Presented::Previous if is_young || is_untold => Ok(RefreshUse::Repeat),
        Presented::Previous if condemns && was_current => Ok(RefreshUse::Repeat),
        Presented::Current if repeats && is_young => Ok(RefreshUse::Repeat),
        Presented::Current => Ok(RefreshUse::Use { rotate }),
        _ if !condemns || was_current || is_overtaken => {
            Err(Refusal::RefreshObsolete { grant: family() })
        }
        _ => Err(Refusal::RefreshReused { grant: family() }),
    }
}

/// What a refresh is good for: what was granted, or less if less is asked
/// ([RFC 6749 §6](https://www.rfc-editor.org/rfc/rfc6749#section-6)). The grant itself keeps all.
pub fn narrowed_scopes(asked: Option<&Scopes>, granted: &Scopes) -> Result<Scopes, Refusal> {
    let Some(asked) = asked.filter(|scopes| !scopes.is_empty()) else {
        return Ok(granted.clone());
    };
    let beyond: Vec<String> = asked.beyond(granted).map(str::to_owned).collect();
    if beyond.is_empty() {
        Ok(asked.clone())
    } else {
        Err(Refusal::RefreshScopeBeyond(beyond))
    }
}

/// The tokens of a grant that was used or whose token is said again, for `scopes` of it.
///
/// An ID token of a refresh answers no authorization request, so it carries no `nonce`
/// ([OpenID Connect Core §12.2](https://openid.net/specs/openid-connect-core-1_0.html#RefreshTokenResponse));
/// dex repeats the one of the login.
pub fn refresh_plan<'a>(
    grant: &'a RefreshGrant,
    scopes: &'a Scopes,
    asker: Asker<'_>,
    spec: &TenantSpec,
) -> Result<TokenPlan<'a>, Refusal> {
    let repeats_nonce = spec.rules.repeats_nonce_at_refresh;
    let granted = LoginGrant {
        client_id: &grant.client_id,
        grant_id: &grant.grant_id,
        login: &grant.login,
        scopes,
        resources: &grant.resources,
        claims: grant.claims,
        nonce: grant.nonce.as_deref().filter(|_| repeats_nonce),
        code: None,
    };
    Ok(TokenPlan {
        refresh: Some(Cow::Borrowed(grant)),
        ..TokenPlan::of_login(granted, asker, spec)?
    })
}

/// Whether a login gets a refresh token: `offline_access` was granted
/// ([OpenID Connect Core §11](https://openid.net/specs/openid-connect-core-1_0.html#OfflineAccess)),
/// the client and the connector may have one, and the connector can tell later whether the person
/// is still there. dex does not ask whether the tenant serves the grant.
pub fn gets_refresh_token(
    scopes: &Scopes,
    client: &Client,
    spec: &TenantSpec,
    connector: &ConnectorSpec,
    connector_can_refresh: bool,
) -> bool {
    let grant = GrantType::RefreshToken;
    let is_served = spec.rules.gives_refresh_token_for_unserved_grant
        || spec.oauth2.grant_types.contains(&grant);
    scopes.offline_access()
        && connector_can_refresh
        && connector.serves(grant)
        && client.may_use(grant)
        && is_served
}

/// The id of the refresh grant that begins with a family. It follows from the family, so that a code
/// that is redeemed again begins the same grant, and the store can tell.
pub fn first_refresh_id(family: &GrantId, keys: &KeyRing) -> RefreshId {
    let secret = keys.derive("refresh-id");
    RefreshId::derived(&hmac_sha256(secret.reveal(), family.as_str().as_bytes()))
}

/// The refresh grant a redeemed code begins.
pub(super) fn first_refresh_grant(
    code: &CodeGrant,
    policy: &RefreshPolicy,
    now: Timestamp,
    keys: &KeyRing,
) -> RefreshGrant {
    let granted = LoginGrant {
        client_id: &code.client_id,
        grant_id: &code.grant_id,
        login: &code.login,
        scopes: &code.scopes,
        resources: &code.resources,
        claims: code.claims,
        nonce: code.nonce.as_deref(),
        code: None,
    };
    begun_refresh_grant(granted, policy, now, keys)
}

/// The refresh grant that begins with a login.
pub(super) fn begun_refresh_grant(
    of: LoginGrant<'_>,
    policy: &RefreshPolicy,
    now: Timestamp,
    keys: &KeyRing,
) -> RefreshGrant {
    RefreshGrant {
        id: first_refresh_id(of.grant_id, keys),
        grant_id: of.grant_id.clone(),
        client_id: of.client_id.clone(),
        generation: 0,
        scopes: of.scopes.clone(),
        resources: of.resources.to_vec(),
        claims: of.claims,
        nonce: of.nonce.map(str::to_owned),
        login: of.login.clone(),
        created_at: now,
        last_used_at: now,
        answered: false,
        expires_at: ends_at(now, now, policy),
    }
}

/// The grant after a [`RefreshUse::Use`], with what the connector said of the person.
pub fn used_refresh_grant(
    grant: &RefreshGrant,
    rotate: bool,
    login: Login,
    policy: &RefreshPolicy,
    now: Timestamp,
) -> RefreshGrant {
    RefreshGrant {
        generation: grant.generation.saturating_add(u32::from(rotate)),
        answered: grant.answered && !rotate,
        login,
        last_used_at: now,
        expires_at: ends_at(grant.created_at, now, policy),
        ..grant.clone()
    }
}

/// The earlier of the absolute and the idle end.
fn ends_at(created: Timestamp, last_used: Timestamp, policy: &RefreshPolicy) -> Timestamp {
    let end = |from: Timestamp, life: Option<Duration>| life.map_or(Timestamp::NEVER, |l| from + l);
    end(created, policy.absolute_lifetime).min(end(last_used, policy.valid_if_not_used_for))
}

#[cfg(test)]
mod tests;
