//! Services that exchange the tokens they are shown, and what is promised of what they get.

use insula_engine::Evidence;
use insula_engine::issue::grant_of;
use insula_flows::{TenantView, token};
use insula_oauth::{GrantType, Params, TokenResponse};
use insula_store::ChangedFact;
use serde_json::Value;

use crate::agent::{Agent, Answer, Request, Running, basic, introspected_by, revoked_by};
use crate::judge::{claims_of, text_of};
use crate::script::Act;
use crate::tenants::{MOCK, NEXT_API, SERVICE};
use crate::truth::{Ending, Exchanged, Moment, Promise, Violation};
use crate::world::{TOLERANCE_MS, World};

impl Agent {
    /// The service exchanges a token of this issuer.
    pub(crate) fn exchanges_own(view: TenantView, subject: &str) -> Running {
        exchange(
            view,
            &[
                ("subject_token", subject),
                (
                    "subject_token_type",
                    "urn:ietf:params:oauth:token-type:access_token",
                ),
                ("resource", NEXT_API),
            ],
        )
    }

    /// The service exchanges a token of the person's upstream.
    pub(crate) fn exchanges_upstream(&self, view: TenantView) -> Running {
        exchange(
            view,
            &[
                ("subject_token", self.name.as_str()),
                (
                    "subject_token_type",
                    "urn:ietf:params:oauth:token-type:id_token",
                ),
                ("connector_id", MOCK),
                ("scope", "openid email"),
            ],
        )
    }
}

fn exchange(view: TenantView, pairs: &[(&str, &str)]) -> Running {
    let grant = [("grant_type", GrantType::TokenExchange.as_str())];
    let form = Params::from_pairs(grant.iter().chain(pairs).copied());
    Box::pin(async move {
        let authorization = basic(SERVICE);
        let evidence = Evidence::of_form(form).with_authorization(&authorization);
        Answer::Tokens(token::exchange(&view, &evidence).await)
    })
}

/// The service asks what its token is worth.
pub(crate) fn shows_exchanged(view: TenantView, exchanged: &Exchanged) -> Running {
    introspected_by(view, &exchanged.access, basic(SERVICE))
}

/// The service revokes its token.
pub(crate) fn revokes_exchanged(view: TenantView, exchanged: &Exchanged) -> Running {
    revoked_by(view, &exchanged.access, basic(SERVICE))
}

impl World {
    /// A service got a token in exchange.
    pub(crate) fn gave_exchanged(
        &mut self,
        number: usize,
        request: &Request,
        tokens: &TokenResponse,
    ) -> Result<(), Violation> {
        let (now, claims) = (self.now(), claims_of(&tokens.access_token));
        match request.act {
            Act::ExchangeElsewhere => {
                let what = "an access token of one tenant was exchanged at another";
                return Err(Promise::TenantsApart.broken(what));
            }
            Act::ExchangeRevoked => {
                let agent = self.agents.get(number);
                let revoked = agent.and_then(|agent| agent.past.revoked.as_ref());
                if revoked.is_some_and(|(_, ending)| self.must_see(request, number, ending)) {
                    let what = "a revoked access token was exchanged";
                    return Err(Promise::RevocationFinal.broken(what));
                }
                return Ok(());
            }
            _ => {}
        }
        self.judge_person(number, &claims)?;
        self.judge_key(number, request, &tokens.access_token)?;
        if let Some(subject) = &request.presents.token {
            let end = |claims: &Value| claims.get("exp").and_then(Value::as_i64);
            if end(&claims) > end(&claims_of(subject)) {
                let what = "a token lives longer than the one that was exchanged for it";
                return Err(Promise::ExchangedEndsWithOrigin.broken(what));
            }
        }
        let Some(grant) = text_of(&claims, "jti").and_then(grant_of) else {
            return Err(Promise::NoOddAnswer.broken("an exchanged token names no family"));
        };
        let of = request.presents.family;
        let family = of.and_then(|of| self.families.get(of));
        let excused = family.and_then(|family| family.excused);
        let Some(agent) = self.agents.get_mut(number) else {
            return Ok(());
        };
        let is_of_now = of.is_none() || of == agent.held.as_ref().map(|held| held.family);
        if request.is_heard && is_of_now {
            agent.exchanged = Some(Exchanged {
                access: tokens.access_token.clone(),
                grant,
                of,
                since: now,
                ms: tokens.expires_in * 1_000,
                excused,
            });
        }
        Ok(())
    }

    /// The family of a token was revoked: so ends what it was exchanged for.
    pub(crate) fn revoked_origin(&mut self, number: usize, family: usize, ending: &Ending) {
        let Some(agent) = self.agents.get_mut(number) else {
            return;
        };
        let ended = agent.exchanged.take_if(|one| one.of == Some(family));
        if let Some(ended) = ended {
            agent.past.exchanged = Some((ended, ending.clone()));
        }
    }

    /// A service revoked what it got.
    pub(crate) fn revoked_exchanged(&mut self, number: usize, request: &Request) {
        let acknowledged = self.now();
        let trouble = self.clock_trouble;
        let kept_time = |since: Moment| trouble.is_none_or(|last| last < since.ms);
        let Some(agent) = self.agents.get_mut(number).filter(|_| request.is_heard) else {
            return;
        };
        let is_it = |one: &mut Exchanged| Some(&one.access) == request.presents.token.as_ref();
        let ended = agent.exchanged.take_if(is_it);
        // To a node whose clock is behind, a token of another is none yet, and there is nothing to revoke.
        if let Some(ended) = ended.filter(|one| kept_time(one.since)) {
            let ending = Ending {
                fact: ChangedFact::Grant(ended.grant.clone()),
                node: request.ended_it("revoke_grant"),
                acknowledged,
            };
            agent.past.exchanged = Some((ended, ending));
        }
    }

    /// An exchanged token is said to be worth something.
    pub(crate) fn judge_exchanged(
        &self,
        number: usize,
        request: &Request,
    ) -> Result<(), Violation> {
        if request.act != Act::UseRevokedExchanged {
            return Ok(());
        }
        let agent = self.agents.get(number);
        let ended = agent.and_then(|agent| agent.past.exchanged.as_ref());
        if ended.is_some_and(|(one, ending)| {
            Some(&one.access) == request.presents.token.as_ref()
                && self.must_see(request, number, ending)
        }) {
            let what =
                "a token is worth something that was exchanged for a revoked one, or revoked";
            return Err(Promise::RevocationFinal.broken(what));
        }
        Ok(())
    }

    /// Whether an exchanged token must be good that is said not to be, or that is asked for in vain.
    pub(crate) fn must_be_exchangeable(&self, number: usize, request: &Request) -> bool {
        let now = self.now();
        let Some(agent) = self.agents.get(number) else {
            return false;
        };
        let family = request.presents.family.and_then(|of| self.families.get(of));
        if family.is_some_and(|family| family.excused.is_some()) {
            return false;
        }
        match request.act {
            Act::ShowExchanged => {
                let exchanged = agent.exchanged.as_ref();
                exchanged.is_some_and(|one| {
                    Some(&one.access) == request.presents.token.as_ref()
                        && one.excused.is_none()
                        && now.surely_within(one.since, one.ms.saturating_sub(TOLERANCE_MS))
                        && self.kept_time_since(one.since)
                        && self.is_key_there(request, &one.access)
                })
            }
            Act::ExchangeOwn => {
                let held = agent.held.as_ref();
                held.is_some_and(|held| {
                    Some(&held.access) == request.presents.token.as_ref()
                        && now.surely_within(
                            held.access_since,
                            held.access_ms.saturating_sub(TOLERANCE_MS),
                        )
                        && self.kept_time_since(held.access_since)
                        && self.is_key_there(request, &held.access)
                })
            }
            Act::ExchangeUpstream => true,
            _ => false,
        }
    }
}
