//! Access tokens as they come back: is this one of ours, and still good?

use std::time::Duration;

use insula_ambient::Timestamp;
use insula_jose::{Claims, Expected, KeyRing, VerifyError};
use insula_model::{AccessTokenForm, ClientId, ConnectorId, GrantId, TenantSpec, UserId};
use insula_oauth::Scopes;
use serde::Deserialize as _;

use crate::issue::TYP;
use crate::people::is_still_known;
use crate::subject;
use crate::token_plan::{Actor, EarlierSubject, EarlierWho};

/// By how much the clocks of our own processes may differ.
pub(crate) const LEEWAY: Duration = Duration::from_secs(5);

/// A token of this tenant whose signature, issuer, kind and times were checked. Whether its family
/// was revoked meanwhile is the caller's to ask, by [`grant`](Self::grant).
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedToken {
    pub(crate) claims: Claims,
    form: AccessTokenForm,
}

impl VerifiedToken {
    /// Verifies a token; `None` if it is not ours, or no longer good.
    ///
    /// Ours must be access tokens by their `typ`, so that no ID token passes for one
    /// ([RFC 9068 §4](https://www.rfc-editor.org/rfc/rfc9068#section-4)). dex's have no `typ` and
    /// cannot be told apart: there every JWT of the tenant is one. Whom it is for is the caller's to
    /// ask, by [`is_for`](Self::is_for).
    pub fn verify(token: &str, spec: &TenantSpec, keys: &KeyRing, now: Timestamp) -> Option<Self> {
        Self::read(token, spec, keys, now).ok()
    }

    /// The same, with the reason why it is none.
    pub fn read(
        token: &str,
        spec: &TenantSpec,
        keys: &KeyRing,
        now: Timestamp,
    ) -> Result<Self, VerifyError> {
        let issuer = spec.issuer.as_str();
        let expected = Expected::from_issuer(issuer).with_leeway(LEEWAY);
        let expected = match spec.rules.access_tokens {
            AccessTokenForm::Rfc9068 => expected.typed(TYP),
            AccessTokenForm::LikeIdTokens => expected.of_any_typ(),
        };
        let claims = keys.verify(token, now, &expected)?;
        Ok(Self {
            claims,
            form: spec.rules.access_tokens,
        })
    }

    /// Whether it is some other JWT of this tenant: an ID token, which is nothing to be revoked.
    pub fn is_another_kind(token: &str, spec: &TenantSpec, keys: &KeyRing, now: Timestamp) -> bool {
        let expected = Expected::from_issuer(spec.issuer.as_str()).even_expired();
        let differs = spec.rules.access_tokens == AccessTokenForm::Rfc9068;
        differs && keys.verify(token, now, &expected).is_ok()
    }

    /// The family it belongs to.
    pub fn grant(&self) -> Option<GrantId> {
        self.claims.str("jti").and_then(crate::issue::grant_of)
    }

    /// The families of the tokens that were exchanged for it, the newest first; none for one that came of
    /// a grant. `None` if what it says of them cannot be read.
    pub fn exchanged_from(&self) -> Option<Vec<GrantId>> {
        let Some(named) = self.claims.get("exchanged_from") else {
            return Some(Vec::new());
        };
        let named = named.as_array()?.iter();
        named
            .map(|one| GrantId::parse(one.as_str()?).ok())
            .collect()
    }

    /// Who acts for its subject, if somebody does.
    pub(crate) fn actor(&self) -> Result<Option<Actor>, serde_json::Error> {
        let act = self.claims.get("act");
        act.map(Actor::deserialize).transpose()
    }

    /// What another token says of its subject, who is `who`; it ends with any of `families`.
    pub fn earlier(&self, who: EarlierWho, families: &[GrantId]) -> EarlierSubject {
        let text = |name: &str| self.claims.str(name).map(str::to_owned);
        let amr = self.claims.strings("amr").into_iter();
        EarlierSubject {
            sub: text("sub").unwrap_or_default(),
            auth_time: self.claims.timestamp("auth_time").map(Timestamp::as_secs),
            session: text("sid"),
            amr: amr.map(str::to_owned).collect(),
            acr: text("acr"),
            who,
            families: families.to_vec(),
            ends: self.claims.timestamp("exp").unwrap_or(Timestamp::EPOCH),
        }
    }

    /// Its `sub`, and the person it names, if it names one.
    pub fn subject(&self) -> Option<(&str, Option<(UserId, ConnectorId)>)> {
        let sub = self.claims.str("sub")?;
        Some((sub, subject::decode(sub)))
    }

    /// When it is dead to all of our processes.
    pub fn dead_at(&self) -> Timestamp {
        let ends = self.claims.timestamp("exp");
        ends.map_or(Timestamp::NEVER, |ends| ends + LEEWAY)
    }

    /// Whether the tenant still knows the person it is about.
    pub fn is_of_a_known_person(&self, spec: &TenantSpec) -> bool {
        let person = self.claims.str("sub").and_then(subject::decode);
        person.is_none_or(|(user, connector)| is_still_known(spec, &connector, &user))
    }

    /// The client it was issued to: `client_id`, and where dex has none the sole audience or `azp`.
    pub fn client_id(&self) -> Option<&str> {
        if self.form == AccessTokenForm::Rfc9068 {
            return self.claims.str("client_id");
        }
        match self.claims.audience().as_slice() {
            [one] => Some(one),
            _ => self.claims.str("azp"),
        }
    }

    /// Whether it is meant for one audience.
    pub fn is_for(&self, audience: &str) -> bool {
        self.claims.audience().contains(&audience)
    }

    /// Whether it was issued to `client`, or is meant for it: by its name, or as the server of a
    /// resource.
    pub fn concerns(&self, client: &ClientId, spec: &TenantSpec) -> bool {
        let audience = self.claims.audience();
        let mut resources = audience.iter().filter_map(|one| spec.resource(one));
        self.client_id() == Some(client.as_str())
            || self.is_for(client.as_str())
            || resources.any(|resource| resource.servers.contains(client))
    }

    /// What was granted with it; empty in dex's dialect, which records no scopes.
    pub fn scopes(&self) -> Scopes {
        Scopes::parse(self.claims.str("scope").unwrap_or_default())
    }
}
