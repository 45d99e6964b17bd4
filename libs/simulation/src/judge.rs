//! Whether an answer keeps what was promised.

use data_encoding::BASE64URL_NOPAD;
use futures_util::FutureExt as _;
use insula_ambient::Timestamp;
use insula_engine::Refusal;
use insula_engine::grants::RefreshToken;
use insula_engine::issue::grant_of;
use insula_engine::subject;
use insula_flows::{CookieChange, Fault, FlowError, Outcome, Screen, Turn};
use insula_model::GrantId;
use insula_oauth::TokenResponse;
use insula_store::{ChangedFact, Durable as _};
use serde_json::Value;

use crate::agent::{Agent, Answer, Device, LEFT, Login, Request, code_in, field, leads_to};
use crate::connector::address_of;
use crate::device::CALLBACK;
use crate::script::Act;
use crate::truth::{Code, Ending, Exchanged, Family, Held, Moment, Promise, Violation};
use crate::world::{CODE_MS, IDLE_REFRESH_MS, LOGIN_MS, REUSE_MS, SESSION_MS, TOLERANCE_MS, World};

/// How long a node keeps in the cache what an upstream said.
const KEPT_MS: u64 = 3_600_000 - TOLERANCE_MS;

type Judged = Result<(), Violation>;

impl World {
    /// Judges the end of a request, and lets its agent hear it.
    pub(crate) fn judge(&mut self, number: usize, request: &Request, answer: Answer) -> Judged {
        if !request.is_heard {
            self.unheard(request);
        }
        let is_shared = self.may_be_told_of_another(request);
        if request.act == Act::Refresh {
            self.question_ended(request.presents.family);
        }
        match answer {
            Answer::Turn(Ok(turn)) => self.turned(number, request, turn),
            Answer::Tokens(Ok(tokens)) => self.gave_tokens(number, request, &tokens),
            Answer::Claims(Ok(claims)) => self.gave_claims(number, request, &Value::Object(claims)),
            Answer::Worth(Ok(true)) => self.judge_exchanged(number, request),
            Answer::Worth(Ok(false)) => self.refused(number, request, None),
            Answer::Done(Ok(())) => {
                if request.act == Act::RevokeExchanged {
                    self.revoked_exchanged(number, request);
                } else {
                    self.revoked(number, request);
                }
                Ok(())
            }
            Answer::Device(Ok(codes)) => {
                self.gave_device(number, request, codes);
                Ok(())
            }
            Answer::Turn(Err(error))
            | Answer::Tokens(Err(error))
            | Answer::Claims(Err(error))
            | Answer::Worth(Err(error))
            | Answer::Device(Err(error))
            | Answer::Done(Err(error)) => match error {
                FlowError::Refused(refused) => {
                    self.refused(number, request, Some(&refused.refusal))
                }
                FlowError::Fault {
                    fault: Fault::KeysStale,
                    ..
                } => Ok(()),
                FlowError::Fault { fault, .. } if request.lost.is_empty() && !is_shared => {
                    let what = format!("{:?} lost no call and failed: {fault}", request.act);
                    Err(Promise::NoOddAnswer.broken(what))
                }
                FlowError::Fault { .. } => Ok(()),
            },
        }
    }

    fn gave_tokens(&mut self, number: usize, request: &Request, tokens: &TokenResponse) -> Judged {
        let now = self.now();
        let claims = claims_of(&tokens.access_token);
        match request.act {
            Act::RefreshRevoked => {
                let what = "a revoked refresh token was answered with tokens";
                return Err(Promise::RevocationFinal.broken(what));
            }
            Act::PollElsewhere => {
                let what = "the code of a device was answered by another tenant";
                return Err(Promise::TenantsApart.broken(what));
            }
            Act::ExchangeOwn
            | Act::ExchangeUpstream
            | Act::ExchangeRevoked
            | Act::ExchangeElsewhere => {
                return self.gave_exchanged(number, request, tokens);
            }
            Act::RefreshElsewhere => {
                let what = "a refresh token of one tenant was answered by another";
                return Err(Promise::TenantsApart.broken(what));
            }
            Act::ReplayRefresh => self.judge_replaced(request, now)?,
            _ => {}
        }
        self.judge_person(number, &claims)?;
        self.judge_key(number, request, &tokens.access_token)?;
        let Some(grant) = text_of(&claims, "jti").and_then(grant_of) else {
            return Err(Promise::NoOddAnswer.broken("an access token names no family"));
        };
        let family = self.family(number, request, grant, now);
        let refresh = tokens.refresh_token.clone();
        if let Some(family) = self.families.get_mut(family) {
            // What a password brought counts from when it was granted.
            let is_by_password = request.act == Act::PasswordLogin;
            family.answered = if is_by_password { request.begun } else { now };
            family.kept_since = None;
            if request.begun.ms <= family.latest_since.ms {
                family.noted = now;
            }
            if refresh.is_some() && family.latest != refresh {
                family.before = family.latest.take();
                family.latest.clone_from(&refresh);
                family.latest_since = now;
                family.noted = now;
            }
        }
        if let Some(code) = request.presents.code {
            self.judge_redemption(code, family, request)?;
        }
        if let Some(id_token) = &tokens.id_token {
            self.note_login(number, request.presents.code, id_token);
        }
        let is_honest = matches!(
            request.act,
            Act::Redeem | Act::Refresh | Act::Poll | Act::PasswordLogin
        );
        let Some(agent) = self.agents.get_mut(number) else {
            return Ok(());
        };
        if !request.is_heard || !is_honest || agent.is_revoking {
            return Ok(());
        }
        if request.act == Act::Redeem && request.presents.code == agent.code {
            agent.past.code = agent.code.take();
        }
        if request.act == Act::Poll {
            let is_it = |device: &mut Device| Some(device.code) == request.presents.code;
            agent.past.device = agent.device.take_if(is_it).map(|device| device.code);
        }
        if let Some(presented) = &request.presents.token
            && refresh.as_ref() != Some(presented)
        {
            agent.past.replaced = Some((presented.clone(), family));
        }
        let id_token = tokens.id_token.clone();
        agent.held = Some(Held {
            family,
            refresh,
            access: tokens.access_token.clone(),
            access_since: now,
            access_ms: tokens.expires_in * 1_000,
            id_token,
        });
        Ok(())
    }

    /// The family of an answer, known or new.
    fn family(&mut self, number: usize, request: &Request, grant: GrantId, now: Moment) -> usize {
        let tenant = self.agents.get(number).map_or(0, |agent| agent.tenant);
        let is_it = |family: &Family| family.tenant == tenant && family.grant == grant;
        if let Some(known) = self.families.iter().position(is_it) {
            return known;
        }
        let code = request.presents.code;
        let mut others = self.agents.iter().flat_map(|a| a.slots.iter().flatten());
        let is_contended = others.any(|r| r.presents.code == code);
        let code = code.and_then(|code| self.codes.get(code));
        self.families.push(Family {
            tenant,
            grant,
            latest: None,
            before: None,
            latest_since: now,
            noted: now,
            answered: now,
            note_lost: false,
            kept_since: None,
            question_ended: None,
            excused: code.and_then(|code| code.excused).filter(|_| is_contended),
        });
        self.families.len() - 1
    }

    fn judge_redemption(&mut self, number: usize, family: usize, request: &Request) -> Judged {
        if let Some(code) = self.codes.get(number) {
            self.judge_device(code, request)?;
        }
        let Some(code) = self.codes.get_mut(number) else {
            return Ok(());
        };
        code.family = Some(family);
        code.answers += 1;
        if code.answers > 1 {
            let what = format!(
                "code {number} was answered with tokens {} times",
                code.answers
            );
            return Err(Promise::CodeRedeemedOnce.broken(what));
        }
        Ok(())
    }

    /// A replaced token was accepted: was it within its grace?
    fn judge_replaced(&self, request: &Request, now: Moment) -> Judged {
        let family = request.presents.family.and_then(|n| self.families.get(n));
        let (Some(family), Some(since)) = (family, request.presents.token_since) else {
            return Ok(());
        };
        // Told time may go at half pace after a clock was set back.
        let grace = 2 * (REUSE_MS + TOLERANCE_MS);
        let is_over = request.begun.ms - since.ms > grace;
        if is_over && !family.note_lost && self.kept_time_since(since) {
            let ms = now.ms - since.ms;
            let what = format!("a refresh token was good {ms} ms after it was replaced");
            return Err(Promise::ReplacedTokenDead.broken(what));
        }
        Ok(())
    }

    pub(crate) fn judge_person(&self, number: usize, claims: &Value) -> Judged {
        let Some(agent) = self.agents.get(number) else {
            return Ok(());
        };
        let issuer = self
            .configuration
            .specs
            .get(agent.tenant)
            .map(|spec| spec.issuer.as_str());
        let subject = text_of(claims, "sub").and_then(subject::decode);
        let is_theirs = subject.is_some_and(|(user, _)| user.as_str() == agent.name);
        if text_of(claims, "iss") != issuer || !is_theirs {
            let what = format!("{} was given a token of {claims}", agent.name);
            return Err(Promise::TenantsApart.broken(what));
        }
        Ok(())
    }

    fn gave_claims(&self, number: usize, request: &Request, claims: &Value) -> Judged {
        match request.act {
            Act::UseRevoked => {
                let revoked = self
                    .agents
                    .get(number)
                    .and_then(|a| a.past.revoked.as_ref());
                if revoked.is_some_and(|(_, ending)| !self.must_see(request, number, ending)) {
                    return Ok(());
                }
                let what = "a revoked access token was good at userinfo";
                Err(Promise::RevocationFinal.broken(what))
            }
            Act::UserinfoElsewhere => {
                let what = "an access token of one tenant was good at another";
                Err(Promise::TenantsApart.broken(what))
            }
            _ => {
                let name = self.agents.get(number).map(|agent| address_of(&agent.name));
                if text_of(claims, "email") == name.as_deref() {
                    return Ok(());
                }
                let what = format!("userinfo told {name:?} of {claims}");
                Err(Promise::TenantsApart.broken(what))
            }
        }
    }

    fn revoked(&mut self, number: usize, request: &Request) {
        if !request.is_heard {
            return;
        }
        let acknowledged = self.now();
        if let Some(agent) = self.agents.get_mut(number) {
            agent.is_revoking = false;
            let families = &self.families;
            agent.past.revoked = agent.held.take().and_then(|held| {
                let grant = families.get(held.family)?.grant.clone();
                let ending = Ending {
                    fact: ChangedFact::Grant(grant),
                    node: request.ended_it("revoke_grant"),
                    acknowledged,
                };
                Some((held, ending))
            });
            agent.past.replaced = None;
        }
        let agent = self.agents.get(number);
        let revoked = agent.and_then(|agent| agent.past.revoked.clone());
        if let Some((held, ending)) = revoked {
            self.revoked_origin(number, held.family, &ending);
        }
    }

    fn turned(&mut self, number: usize, request: &Request, turn: Turn) -> Judged {
        let is_let_in = matches!(&turn.outcome, Outcome::Respond(r) if code_in(r).is_some());
        match request.act {
            Act::UseOldCookie if is_let_in => {
                let cookie = self.agents.get(number).and_then(|a| a.past.cookie.as_ref());
                if cookie.is_some_and(|(_, ending)| !self.must_see(request, number, ending)) {
                    return Ok(());
                }
                let what = "the cookie of a browser that logged out was good";
                return Err(Promise::LogoutFinal.broken(what));
            }
            Act::AskElsewhere if is_let_in => {
                let what = "a session of one tenant was good at another";
                return Err(Promise::TenantsApart.broken(what));
            }
            _ => {}
        }
        let now = self.now();
        if !request.is_heard || !request.act.is_of_browser() {
            return Ok(());
        }
        if turn.cookies.contains(&CookieChange::LogOut) && !request.is_excused {
            let agent = self.agents.get(number);
            let session = agent.and_then(|agent| agent.session.clone());
            if let Some(session) = session {
                self.note_logout(number, &session);
            }
        }
        if let Outcome::Show(Screen::DeviceAnswered { approved, .. }) = &turn.outcome {
            let approved = *approved;
            if let Some(agent) = self.agents.get_mut(number) {
                agent.keep_cookies(turn.cookies, request, now);
                agent.login = Login::None;
            }
            return self.settled_device(number, request, approved);
        }
        let Some(agent) = self.agents.get_mut(number) else {
            return Ok(());
        };
        agent.keep_cookies(turn.cookies, request, now);
        if request.act == Act::AskSilently {
            if let Some(session) = &mut agent.session {
                session.served = request.begun;
            }
            return Ok(());
        }
        match turn.outcome {
            Outcome::Redirect { to, .. } if request.act == Act::LogOut => {
                if to != LEFT {
                    let what = format!("a person who left was sent to {to}");
                    return Err(Promise::NoOddAnswer.broken(what));
                }
            }
            Outcome::Respond(response) if response.to.redirect_uri.ends_with(CALLBACK) => {
                let code = code_in(&response).map(str::to_owned);
                agent.login = match response.to.state.zip(code) {
                    Some((state, code)) => Login::AtDeviceCallback { state, code },
                    None => Login::None,
                };
                agent.login_was_tried = false;
            }
            Outcome::Respond(response) => {
                agent.login = Login::None;
                let is_lost = self.cache_lost.is_some_and(|last| last >= request.begun.ms);
                if agent.held.is_none()
                    && let Some(code) = code_in(&response)
                {
                    agent.code = Some(self.codes.len());
                    self.codes.push(Code {
                        text: code.to_owned(),
                        issued: request.begun,
                        answers: 0,
                        excused: is_lost.then_some("the cache lost it before it was told"),
                        family: None,
                        presented: 0,
                        session: agent.session.as_ref().map(|one| one.cookie.hash()),
                        device: None,
                    });
                }
            }
            Outcome::Show(screen @ Screen::Consent { .. }) => {
                let fields = field(&screen, "req").zip(field(&screen, "hmac"));
                if let Some((req, hmac)) = fields {
                    if agent.login == Login::None {
                        agent.login_since = Some(request.begun);
                    }
                    agent.login = Login::AskedForConsent { req, hmac };
                    agent.login_was_tried = false;
                }
            }
            Outcome::Show(screen @ Screen::ConfirmDevice { .. }) => {
                let fields = field(&screen, "req").zip(field(&screen, "hmac"));
                if let Some((req, hmac)) = fields {
                    agent.login_since = Some(request.begun);
                    agent.login = Login::AskedForDevice { req, hmac };
                    agent.login_was_tried = false;
                }
            }
            Outcome::Show(screen @ Screen::ConfirmLogout { .. }) => {
                agent.logout_proof = field(&screen, "hmac");
            }
            outcome => {
                if let Some(login) = leads_to(&outcome) {
                    if agent.login == Login::None || matches!(login, Login::AtUpstream { .. }) {
                        agent.login_since = Some(request.begun);
                    }
                    agent.login = login;
                    agent.login_was_tried = false;
                }
            }
        }
        Ok(())
    }

    /// Somebody was refused: did they have what they were refused for?
    fn refused(&mut self, number: usize, request: &Request, why: Option<&Refusal>) -> Judged {
        let now = self.now();
        if !request.is_heard {
            return Ok(());
        }
        let told = || format!("{:?} was refused: {why:?}", request.act);
        let must_be_exchangeable = self.must_be_exchangeable(number, request);
        let held = self.agents.get(number).and_then(|a| a.held.as_ref());
        let is_key_there = held.is_some_and(|held| self.is_key_there(request, &held.access));
        let trouble = self.clock_trouble;
        let kept_time = |since: Moment| trouble.is_none_or(|last| last < since.ms);
        let family = request.presents.family.and_then(|n| self.families.get(n));
        let code = request.presents.code.and_then(|n| self.codes.get(n));
        let is_kept_too_long = |family: &Family| {
            family
                .kept_since
                .is_some_and(|since| self.ms - since >= KEPT_MS)
        };
        let is_upstream_known = !family.is_some_and(is_kept_too_long);
        let Some(agent) = self.agents.get_mut(number) else {
            return Ok(());
        };
        if request.is_excused {
            // They try again once their tenant is as it was: what they hold must serve then.
            if request.act == Act::Redeem {
                let code = agent.code.take();
                if let Some(code) = code {
                    self.excuse_code(code, "its tenant was changed as it was redeemed");
                }
            } else if request.act.continues_login() {
                agent.login = Login::None;
            } else if request.act == Act::Revoke {
                agent.is_revoking = false;
            } else if request.act == Act::Poll {
                agent.device = None;
            }
            return Ok(());
        }
        match request.act {
            Act::Poll => return self.refused_poll(number, request, why),
            Act::ExchangeOwn | Act::ExchangeUpstream | Act::ShowExchanged => {
                if request.act == Act::ShowExchanged {
                    let is_it =
                        |one: &mut Exchanged| Some(&one.access) == request.presents.token.as_ref();
                    agent.exchanged.take_if(is_it);
                }
                if must_be_exchangeable {
                    return Err(Promise::GrantKept.broken(told()));
                }
            }
            Act::AskForDevice | Act::PasswordLogin => {
                return Err(Promise::NoOddAnswer.broken(told()));
            }
            Act::ConfirmDevice | Act::DenyDevice | Act::FinishDevice => {
                // Their device may have ended meanwhile.
                agent.login = Login::None;
            }
            Act::Redeem => {
                agent.code = None;
                let stands = code.is_some_and(|code| {
                    code.excused.is_none()
                        && code.answers == 0
                        && now.is_within(code.issued, CODE_MS)
                });
                if stands {
                    return Err(Promise::GrantKept.broken(told()));
                }
            }
            Act::Refresh => {
                let is_of_now = agent.held.as_ref().map(|held| held.family);
                if is_of_now == request.presents.family {
                    agent.held = None;
                }
                let stands = family.is_some_and(|family| {
                    family.excused.is_none()
                        && is_upstream_known
                        && now.surely_within(family.answered, IDLE_REFRESH_MS - TOLERANCE_MS)
                });
                if stands {
                    return Err(Promise::StaysLoggedIn.broken(told()));
                }
            }
            Act::Userinfo | Act::Introspect => {
                let held = agent.held.as_ref();
                let held = held.filter(|held| Some(held.family) == request.presents.family);
                let life = held.map(|held| (held.access_since, held.access_ms));
                let stands = family.is_some_and(|family| family.excused.is_none())
                    && life.is_some_and(|(since, ms)| {
                        let is_young = now.surely_within(since, ms.saturating_sub(TOLERANCE_MS));
                        is_young && kept_time(since) && is_key_there
                    });
                if stands {
                    return Err(Promise::GrantKept.broken(told()));
                }
            }
            Act::AskSilently => {
                let session = agent.session.take();
                agent.browser.sessions.clear();
                let stands = session
                    .is_some_and(|session| session.excused.is_none() && session.surely_lives(now));
                if stands {
                    return Err(Promise::StaysLoggedIn.broken(told()));
                }
            }
            Act::Authorize | Act::LogInAgain => {
                return Err(Promise::NoOddAnswer.broken(told()));
            }
            Act::Choose | Act::ComeBack | Act::Consent => {
                agent.login = Login::None;
                let stands = !agent.login_may_be_lost
                    && agent
                        .login_since
                        .is_some_and(|since| now.is_within(since, LOGIN_MS));
                if stands {
                    return Err(Promise::GrantKept.broken(told()));
                }
            }
            Act::LogOut => {
                // The key of an old ID token may be gone; without the hint the person is asked.
                if let Some(held) = &mut agent.held {
                    held.id_token = None;
                }
            }
            Act::Revoke => {
                agent.is_revoking = false;
                agent.held = None;
            }
            _ => {}
        }
        Ok(())
    }

    /// Looks into the database whether what an agent was acknowledged stands.
    pub(crate) fn audit(&self, agent: &Agent) -> Judged {
        let now = self.now();
        let Some(spec) = self.configuration.specs.get(agent.tenant) else {
            return Ok(());
        };
        let store = self.durable.tenant(&spec.id);
        if let Some(held) = &agent.held
            && let Some(family) = self.families.get(held.family)
            && family.excused.is_none()
            && now.surely_within(family.answered, IDLE_REFRESH_MS - TOLERANCE_MS)
        {
            let revoked = store.is_revoked(&family.grant).now_or_never();
            let token = held.refresh.as_deref();
            let token = token.and_then(|token| RefreshToken::parse(token, &spec.rules));
            let is_gone = token.is_some_and(|token| {
                let found = store.find_refresh(&token.id).now_or_never();
                !matches!(found, Some(Ok(Some(_))))
            });
            if is_gone || !matches!(revoked, Some(Ok(false))) {
                let what = format!("the tokens {} holds were ended by nobody", agent.name);
                return Err(Promise::GrantKept.broken(what));
            }
        }
        if let Some(session) = &agent.session
            && session.excused.is_none()
            && now.surely_within(session.since, SESSION_MS - TOLERANCE_MS)
        {
            let cookie = session.cookie.hash();
            let found = store.find_session(&cookie, Timestamp::EPOCH);
            if !matches!(found.now_or_never(), Some(Ok(Some(_)))) {
                let what = format!("the session of {} was ended by nobody", agent.name);
                return Err(Promise::StaysLoggedIn.broken(what));
            }
        }
        Ok(())
    }
}

/// The claims of a token, unverified.
pub(crate) fn claims_of(token: &str) -> Value {
    let body = token.split('.').nth(1).unwrap_or_default();
    let json = BASE64URL_NOPAD.decode(body.as_bytes()).unwrap_or_default();
    serde_json::from_slice(&json).unwrap_or_default()
}

pub(crate) fn text_of<'c>(claims: &'c Value, name: &str) -> Option<&'c str> {
    claims.get(name)?.as_str()
}
