//! Devices without a browser: what they and their people ask, and what is promised of it.

use insula_engine::{Evidence, Refusal};
use insula_flows::{TenantView, device, token};
use insula_oauth::{DeviceAuthorizationResponse, GrantType, Params};

use crate::agent::{Agent, Answer, Device, Login, Request, Running};
use crate::truth::{Code, DeviceAnswer, Promise, Violation};
use crate::world::{CODE_MS, DEVICE_MS, World};

/// Where browsers come back to after a login for a device, by dex's rules.
pub(crate) const CALLBACK: &str = "/device/callback";

impl Agent {
    pub(crate) fn is_asked_for_device(&self) -> bool {
        matches!(
            self.login,
            Login::AskedForDevice { .. } | Login::AtDeviceCallback { .. }
        )
    }

    /// The device asks for codes.
    pub(crate) fn asks_for_device(&self, view: TenantView) -> Running {
        let form = Params::from_pairs([("client_id", self.client), ("scope", self.scope)]);
        let authorization = self.authorization();
        Box::pin(async move {
            let evidence = Evidence::of_form(form).with_authorization(&authorization);
            Answer::Device(device::authorize(&view, &evidence, None).await)
        })
    }

    /// The person types the code.
    pub(crate) fn enters(&self, view: TenantView, user_code: String) -> Running {
        let (browser, is_dex) = (self.browser.clone(), self.is_dex);
        Box::pin(async move {
            Answer::Turn(if is_dex {
                device::enter_and_return(&view, &user_code, &browser).await
            } else {
                device::enter(&view, &user_code, &browser).await
            })
        })
    }

    /// The person says whether it is their device.
    pub(crate) fn says_of_device(&self, view: TenantView, is_theirs: bool) -> Option<Running> {
        let Login::AskedForDevice { req, hmac } = self.login.clone() else {
            return None;
        };
        let browser = self.browser.clone();
        Some(Box::pin(async move {
            let answer = device::answer(&view, &req, Some(&hmac), is_theirs, &browser);
            Answer::Turn(answer.await)
        }))
    }

    /// The browser comes to the callback.
    pub(crate) fn finishes(&self, view: TenantView) -> Option<Running> {
        let Login::AtDeviceCallback { state, code } = self.login.clone() else {
            return None;
        };
        let browser = self.browser.clone();
        Some(Box::pin(async move {
            let params = Params::from_pairs([("state", state.as_str()), ("code", code.as_str())]);
            Answer::Turn(device::complete(&view, &params, &browser).await)
        }))
    }

    pub(crate) fn polls(&self, view: TenantView, device_code: &str) -> Running {
        let form = Params::from_pairs([
            ("grant_type", GrantType::DeviceCode.as_str()),
            ("device_code", device_code),
            ("client_id", self.client),
        ]);
        let authorization = self.authorization();
        Box::pin(async move {
            let evidence = Evidence::of_form(form).with_authorization(&authorization);
            Answer::Tokens(token::exchange(&view, &evidence).await)
        })
    }
}

impl World {
    /// A device has its codes.
    pub(crate) fn gave_device(
        &mut self,
        number: usize,
        request: &Request,
        codes: DeviceAuthorizationResponse,
    ) {
        let given = self.now();
        let Some(agent) = self.agents.get_mut(number).filter(|_| request.is_heard) else {
            return;
        };
        agent.device = Some(Device {
            code: self.codes.len(),
            is_settled: false,
        });
        self.codes.push(Code {
            text: codes.device_code,
            issued: request.begun,
            answers: 0,
            presented: 0,
            excused: None,
            family: None,
            session: None,
            device: Some(DeviceAnswer {
                user_code: codes.user_code,
                given,
                said_yes: false,
                approved: None,
                denied: None,
            }),
        });
    }

    /// The code of an agent's device, and what its person said.
    fn device_of(&mut self, number: usize) -> Option<(&mut Device, &mut Code)> {
        let device = self.agents.get_mut(number)?.device.as_mut()?;
        let code = self.codes.get_mut(device.code)?;
        Some((device, code))
    }

    /// The person says yes, whether that arrives or not.
    pub(crate) fn says_yes(&mut self, number: usize) {
        if let Some((_, code)) = self.device_of(number)
            && let Some(said) = &mut code.device
        {
            said.said_yes = true;
        }
    }

    /// The person is told what became of the device.
    pub(crate) fn settled_device(
        &mut self,
        number: usize,
        request: &Request,
        approved: Option<bool>,
    ) -> Result<(), Violation> {
        let agent = self.agents.get(number);
        let session = agent.and_then(|agent| agent.session.as_ref());
        let session = session.map(|session| session.cookie.hash());
        let Some((device, code)) = self.device_of(number) else {
            return Ok(());
        };
        device.is_settled = true;
        let Some(said) = &mut code.device else {
            return Ok(());
        };
        match approved {
            Some(true) => {
                if request.begun.ms >= said.given.ms + DEVICE_MS {
                    let what = "a device was confirmed after its codes had ended";
                    return Err(Promise::DeviceConfirmed.broken(what));
                }
                said.approved = Some(request.begun);
                code.session = session;
            }
            Some(false) => said.denied = Some(request.begun),
            None => {}
        }
        Ok(())
    }

    /// A device got tokens: had its person said yes, and in time?
    pub(crate) fn judge_device(&self, code: &Code, request: &Request) -> Result<(), Violation> {
        let Some(said) = &code.device else {
            return Ok(());
        };
        let broken = |what: &str| Err(Promise::DeviceConfirmed.broken(what));
        if !said.said_yes {
            return broken("a device got tokens whose person never said yes");
        }
        // A cache that was set back may have forgotten the no, and taken an earlier yes after it.
        let is_no_kept = |no: u64| self.cache_lost.is_none_or(|lost| lost < no);
        if said.denied.is_some_and(|denied| is_no_kept(denied.ms)) {
            return broken("a device got tokens after its person said no");
        }
        // A code that is confirmed in the last moment lives on, and so does one that is claimed then.
        if request.begun.ms >= said.given.ms + DEVICE_MS + 2 * CODE_MS {
            return broken("a device got tokens long after its codes had ended");
        }
        Ok(())
    }

    /// A device was refused: does it go on polling, and had it what it asked for?
    pub(crate) fn refused_poll(
        &mut self,
        number: usize,
        request: &Request,
        why: Option<&Refusal>,
    ) -> Result<(), Violation> {
        let now = self.now();
        let Some(code) = request.presents.code.and_then(|code| self.codes.get(code)) else {
            return Ok(());
        };
        let is_taken_over = matches!(why, Some(Refusal::CodeTakenOver { .. }));
        let is_by_other_poll = code.presented > 1
            && (is_taken_over || self.agents.get(number).is_some_and(|agent| agent.is_dex));
        let approved = code.device.as_ref().and_then(|said| said.approved);
        let stands = code.excused.is_none()
            && code.answers == 0
            && !is_by_other_poll
            && approved.is_some_and(|since| now.is_within(since, CODE_MS));
        let is_told_to_wait = matches!(
            why,
            Some(Refusal::DevicePending | Refusal::DevicePolledTooSoon)
        );
        // The answer to a poll that began before may arrive after its person was told.
        let was_waiting = is_told_to_wait && approved.is_none_or(|at| at.ms >= request.begun.ms);
        if stands && !was_waiting {
            let what = format!("a device whose person said yes was refused: {why:?}");
            return Err(Promise::GrantKept.broken(what));
        }
        if is_told_to_wait || is_by_other_poll && code.answers == 0 {
            return Ok(());
        }
        if let Some(agent) = self.agents.get_mut(number)
            && agent.device.map(|device| device.code) == request.presents.code
        {
            agent.device = None;
        }
        Ok(())
    }
}
