//! What an agent may do as things stand for it, and how it begins.

use insula_flows::Browser;

use crate::agent::{Agent, Login, Presents, Request, Running, SLOTS, shows};
use crate::exchange::{revokes_exchanged, shows_exchanged};
use crate::logout::BY_PERSON;
use crate::node::Node;
use crate::script::Act;
use crate::tenants::{MOCK, TENANTS};
use crate::world::World;

impl Agent {
    /// Whether it can do this now, and would.
    pub(crate) fn may(&self, act: Act) -> bool {
        if act.is_of_browser() && self.heard().any(|r| r.act.is_of_browser()) {
            return false;
        }
        let is_at_rest = self.login == Login::None && self.code.is_none() && !self.is_leaving;
        let under_way = |act| self.heard().filter(move |r| r.act == act);
        let refresh = self.held.as_ref().and_then(|held| held.refresh.as_deref());
        match act {
            Act::Authorize => is_at_rest && self.held.is_none(),
            Act::LogInAgain => is_at_rest && self.session.is_some(),
            Act::Choose => matches!(self.login, Login::AtChoice { .. }),
            Act::ComeBack => matches!(self.login, Login::AtUpstream { .. }),
            Act::Consent => matches!(self.login, Login::AskedForConsent { .. }),
            Act::AskSilently => self.session.is_some() && !self.is_leaving && self.client == "app",
            Act::LogOut => self.session.is_some(),
            Act::AskForDevice => self.device.is_none() && !self.is_revoking,
            Act::EnterCode => is_at_rest && self.device.is_some_and(|device| !device.is_settled),
            Act::ConfirmDevice | Act::DenyDevice => {
                matches!(self.login, Login::AskedForDevice { .. })
            }
            Act::FinishDevice => matches!(self.login, Login::AtDeviceCallback { .. }),
            Act::Poll => self.device.is_some() && under_way(Act::Poll).count() < 2,
            Act::ReplayPoll => self.past.device.is_some(),
            Act::PollElsewhere => self.device.is_some(),
            Act::PasswordLogin => {
                self.held.is_none() && under_way(Act::PasswordLogin).next().is_none()
            }
            Act::ExchangeOwn => !self.is_dex && self.held.is_some() && !self.is_revoking,
            Act::ExchangeUpstream => self.connector == MOCK,
            Act::ShowExchanged => self.exchanged.is_some() && !self.is_revoking,
            Act::RevokeExchanged => {
                self.exchanged.is_some() && under_way(Act::RevokeExchanged).next().is_none()
            }
            Act::UseRevokedExchanged => self.past.exchanged.is_some(),
            Act::ExchangeRevoked => !self.is_dex && self.past.revoked.is_some(),
            Act::ExchangeElsewhere => !self.is_dex && self.held.is_some(),
            Act::Redeem => self.code.is_some() && under_way(Act::Redeem).next().is_none(),
            Act::Refresh => {
                // Only one at a time uses what dex's rules replace.
                let mut all = self.slots.iter().flatten();
                if self.is_dex && all.any(|r| matches!(r.act, Act::Refresh | Act::ReplayRefresh)) {
                    return false;
                }
                let is_of_now = |r: &Request| r.presents.token.as_deref() == refresh;
                refresh.is_some()
                    && !self.is_revoking
                    && under_way(Act::Refresh).count() < 2
                    && under_way(Act::Refresh).all(is_of_now)
            }
            Act::Userinfo | Act::Introspect => self.held.is_some() && !self.is_revoking,
            Act::Revoke => {
                refresh.is_some()
                    && under_way(Act::Revoke).next().is_none()
                    && under_way(Act::Refresh).next().is_none()
            }
            Act::ReplayCode => self.past.code.is_some(),
            Act::ReplayRefresh => self.past.replaced.is_some(),
            Act::UseRevoked => self.past.revoked.is_some(),
            Act::RefreshRevoked => {
                let revoked = self.past.revoked.as_ref();
                revoked.is_some_and(|(held, _)| held.refresh.is_some())
            }
            Act::UseOldCookie => self.past.cookie.is_some(),
            Act::UserinfoElsewhere => self.held.is_some(),
            Act::RefreshElsewhere => refresh.is_some(),
            Act::AskElsewhere => self.session.is_some(),
        }
    }
}

impl World {
    /// Begins a request; answers where it is under way.
    pub(crate) fn begin(&mut self, number: usize, node: usize, act: Act) -> Option<usize> {
        let begun = self.now();
        let agent = self.agents.get(number)?;
        let slot = (0..SLOTS).find(|slot| matches!(agent.slots.get(*slot), Some(None)))?;
        if !agent.may(act) {
            return None;
        }
        let tenant = agent.tenant;
        let of_node = |node: &Node| node.tenants.get(tenant)?.keys_read;
        let keys_read = self.nodes.get(node).and_then(of_node);
        let (running, presents) = self.send(number, node, act)?;
        let request = Request {
            act,
            node,
            running,
            is_heard: true,
            begun,
            begun_at_step: self.steps,
            keys_read,
            carried: Vec::new(),
            lost: Vec::new(),
            presents,
            is_excused: self.is_changing(tenant),
        };
        *self.request(number, slot)? = Some(request);
        Some(slot)
    }

    fn send(&mut self, number: usize, node: usize, act: Act) -> Option<(Running, Presents)> {
        let agent = self.agents.get_mut(number)?;
        let tenant = if act.is_elsewhere() {
            (agent.tenant + 1) % TENANTS
        } else {
            agent.tenant
        };
        let view = self.nodes.get(node)?.tenant(tenant)?;
        let nothing = Presents::default();
        let held = agent.held.clone();
        let of_held = || {
            let held = held.clone()?;
            let presents = Presents {
                family: Some(held.family),
                ..Presents::default()
            };
            Some((held, presents))
        };
        if act.continues_login() {
            // A step that was carried out and not answered begins again from the first.
            agent.login_may_be_lost |= agent.login_was_tried;
            agent.login_was_tried = true;
        }
        Some(match act {
            Act::Authorize => {
                agent.login_may_be_lost = false;
                (agent.asks(view, None, agent.browser.clone()), nothing)
            }
            Act::LogInAgain => {
                agent.login_may_be_lost = false;
                let browser = agent.browser.clone();
                (agent.asks(view, Some("login"), browser), nothing)
            }
            Act::AskSilently => (
                agent.asks(view, Some("none"), agent.browser.clone()),
                nothing,
            ),
            Act::Choose => {
                let Login::AtChoice { ways } = agent.login.clone() else {
                    return None;
                };
                let Some(running) = agent.chooses(view, &ways) else {
                    // Their connector is not among them now.
                    agent.login = Login::None;
                    return None;
                };
                (running, nothing)
            }
            Act::ComeBack => {
                let Login::AtUpstream { state } = agent.login.clone() else {
                    return None;
                };
                (agent.comes_back(view, state), nothing)
            }
            Act::Consent => {
                let Login::AskedForConsent { req, hmac } = agent.login.clone() else {
                    return None;
                };
                (agent.consents(view, req, hmac), nothing)
            }
            Act::LogOut => {
                agent.is_leaving = true;
                agent.session.as_mut()?.excused.get_or_insert(BY_PERSON);
                (agent.logs_out(view), nothing)
            }
            Act::AskForDevice => (agent.asks_for_device(view), nothing),
            Act::EnterCode => {
                agent.login_may_be_lost = false;
                let code = self.codes.get(agent.device?.code)?;
                let user_code = code.device.as_ref()?.user_code.clone();
                (agent.enters(view, user_code), nothing)
            }
            Act::ConfirmDevice | Act::DenyDevice => {
                let is_theirs = act == Act::ConfirmDevice;
                let running = agent.says_of_device(view, is_theirs)?;
                if is_theirs {
                    self.says_yes(number);
                }
                (running, nothing)
            }
            Act::FinishDevice => {
                let running = agent.finishes(view)?;
                self.says_yes(number);
                (running, nothing)
            }
            Act::Poll | Act::PollElsewhere | Act::ReplayPoll => {
                let number = match act {
                    Act::ReplayPoll => agent.past.device?,
                    _ => agent.device?.code,
                };
                let code = self.codes.get_mut(number)?;
                code.presented += 1;
                let running = agent.polls(view, &code.text);
                match act {
                    Act::PollElsewhere => (running, nothing),
                    Act::Poll => (running, of_code(number)),
                    _ => {
                        self.excuse_code(number, "it was presented again");
                        (running, of_code(number))
                    }
                }
            }
            Act::PasswordLogin => (agent.logs_in(view), nothing),
            Act::ExchangeOwn => {
                let (held, mut presents) = of_held()?;
                presents.token = Some(held.access.clone());
                (Agent::exchanges_own(view, &held.access), presents)
            }
            Act::ExchangeElsewhere => (Agent::exchanges_own(view, &of_held()?.0.access), nothing),
            Act::ExchangeRevoked => {
                let revoked = agent.past.revoked.clone()?.0;
                (Agent::exchanges_own(view, &revoked.access), nothing)
            }
            Act::ExchangeUpstream => (agent.exchanges_upstream(view), nothing),
            Act::ShowExchanged | Act::RevokeExchanged => {
                let exchanged = agent.exchanged.as_mut()?;
                let presents = Presents {
                    family: exchanged.of,
                    token: Some(exchanged.access.clone()),
                    ..Presents::default()
                };
                let running = if act == Act::ShowExchanged {
                    shows_exchanged(view, exchanged)
                } else {
                    exchanged.excused = Some("it is being revoked");
                    revokes_exchanged(view, exchanged)
                };
                (running, presents)
            }
            Act::UseRevokedExchanged => {
                let (exchanged, _) = agent.past.exchanged.as_ref()?;
                let presents = Presents {
                    token: Some(exchanged.access.clone()),
                    ..Presents::default()
                };
                (shows_exchanged(view, exchanged), presents)
            }
            Act::Redeem => {
                let code = agent.code?;
                let text = &self.codes.get(code)?.text;
                (agent.redeems(view, text), of_code(code))
            }
            Act::ReplayCode => {
                let code = agent.past.code?;
                let text = &self.codes.get(code)?.text;
                let running = agent.redeems(view, text);
                self.excuse_code(code, "it was presented again");
                (running, of_code(code))
            }
            Act::Refresh => {
                let (held, mut presents) = of_held()?;
                presents.token.clone_from(&held.refresh);
                (agent.refreshes(view, &held.refresh?), presents)
            }
            Act::ReplayRefresh => {
                let (token, number) = agent.past.replaced.clone()?;
                let running = agent.refreshes(view, &token);
                let family = self.families.get_mut(number)?;
                family.excused = Some("a replaced token was presented");
                let presents = Presents {
                    family: Some(number),
                    token: Some(token),
                    token_since: Some(family.noted),
                    ..Presents::default()
                };
                (running, presents)
            }
            Act::RefreshRevoked => {
                let token = agent.past.revoked.clone()?.0.refresh?;
                (agent.refreshes(view, &token), nothing)
            }
            Act::RefreshElsewhere => {
                let token = of_held()?.0.refresh?;
                (agent.refreshes(view, &token), nothing)
            }
            Act::Userinfo => {
                let (held, presents) = of_held()?;
                (shows(view, held.access), presents)
            }
            Act::Introspect => {
                let (held, presents) = of_held()?;
                (agent.introspects(view, &held.access), presents)
            }
            Act::UserinfoElsewhere => (shows(view, of_held()?.0.access), nothing),
            Act::UseRevoked => (shows(view, agent.past.revoked.clone()?.0.access), nothing),
            Act::Revoke => {
                let (held, presents) = of_held()?;
                agent.is_revoking = true;
                let running = agent.revokes(view, &held.refresh?);
                self.families.get_mut(held.family)?.excused = Some("it is being revoked");
                (running, presents)
            }
            Act::UseOldCookie => {
                let browser = Browser {
                    sessions: vec![agent.past.cookie.clone()?.0],
                    ..Browser::default()
                };
                (agent.asks(view, Some("none"), browser), nothing)
            }
            Act::AskElsewhere => {
                let browser = agent.browser.clone();
                (agent.asks(view, Some("none"), browser), nothing)
            }
        })
    }
}

fn of_code(code: usize) -> Presents {
    Presents {
        code: Some(code),
        ..Presents::default()
    }
}
