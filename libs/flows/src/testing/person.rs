use insula_engine::Refusal;
use insula_model::{Password, SessionCookie};
use insula_oauth::Params;
use percent_encoding::percent_decode_str;

use crate::callback::Returned;
use crate::{
    Browser, CookieChange, FlowError, Outcome, Screen, TenantView, Turn, authorize, callback,
    consent, login,
};

/// A good request of the client `app`.
pub(crate) const ASK: &str = "client_id=app&redirect_uri=https://app.test/cb&response_type=code&scope=openid+email&state=xyz";

/// A person at a browser: keeps its cookies and goes where it is sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Person {
    pub(crate) browser: Browser,
    /// What they tick where they are asked.
    pub(crate) wants_to_be_remembered: bool,
}

impl Person {
    /// Follows a link of a client's: `GET /auth?query`.
    pub(crate) async fn asks(&mut self, view: &TenantView, query: &str) -> Walked {
        self.opens(view, &format!("/auth?{query}")).await
    }

    /// Opens a route of the tenant's, decoding it as a server would.
    pub(crate) async fn opens(&mut self, view: &TenantView, route: &str) -> Walked {
        let (path, query) = route.split_once('?').unwrap_or((route, ""));
        let params = Params::parse(query).unwrap();
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
        let get = |name| params.get(name);
        let browser = &self.browser;
        let turn = match path.strip_prefix("/auth/") {
            Some(rest) => match rest.strip_suffix("/login") {
                Some(id) => {
                    let address = address(&params);
                    login::show(view, &decoded(id), address, None, browser).await
                }
                None => authorize::start(view, &params, Some(&decoded(rest)), browser).await,
            },
            None if path == "/auth" => authorize::start(view, &params, None, browser).await,
            None if path == "/approval" => {
                consent::show(view, get("req"), get("hmac"), browser).await
            }
            None => panic!("{route} is no route"),
        };
        turn.map(|turn| self.keeps(turn))
    }

    /// Sends the form that asks for a mail address.
    pub(crate) async fn names(&mut self, view: &TenantView, page: &Outcome, typed: &str) -> Walked {
        let Outcome::Show(Screen::Choose {
            address: Some(form),
            ..
        }) = page
        else {
            panic!("no address is asked for: {page:?}");
        };
        assert_eq!(form.action, "/auth");
        let mut fields = form.fields.clone();
        fields.push(("login".to_owned(), typed.to_owned()));
        let params = Params::from_pairs(fields);
        let turn = authorize::start(view, &params, None, &self.browser).await;
        turn.map(|turn| self.keeps(turn))
    }

    /// Opens what a redirect of ours leads to.
    pub(crate) async fn follows(&mut self, view: &TenantView, outcome: &Outcome) -> Walked {
        self.opens(view, destination(outcome)).await
    }

    /// Comes back from the upstream of `mock`, at its callback: `GET /callback…?query`.
    pub(crate) async fn returns(&mut self, view: &TenantView, query: &str) -> Walked {
        self.returns_at(view, at_callback(view), query).await
    }

    /// Comes back at the callback of a connector, or at the one all share.
    pub(crate) async fn returns_at(
        &mut self,
        view: &TenantView,
        at: Option<&str>,
        query: &str,
    ) -> Walked {
        let params = Params::parse(query).unwrap();
        let turn = callback::complete(view, at, Returned::Query(params), &self.browser).await;
        turn.map(|turn| self.keeps(turn))
    }

    /// Goes to the upstream of `outcome`, is let through, and comes back.
    pub(crate) async fn logs_in(&mut self, view: &TenantView, outcome: &Outcome) -> Walked {
        self.returns(view, &format!("code=c&state={}", state_in(outcome)))
            .await
    }

    /// Sends the password form at `route`.
    pub(crate) async fn types(
        &mut self,
        view: &TenantView,
        route: &str,
        name: &str,
        password: &str,
    ) -> Walked {
        let (path, query) = route.split_once('?').unwrap();
        let id = path.strip_prefix("/auth/").unwrap();
        let id = id.strip_suffix("/login").unwrap();
        let params = Params::parse(query).unwrap();
        let typed = login::Typed {
            username: name.to_owned(),
            password: Password::new(password),
            remember_me: self.wants_to_be_remembered,
        };
        let turn = login::submit(view, id, address(&params), typed, &self.browser).await;
        turn.map(|turn| self.keeps(turn))
    }

    /// Answers the consent page of `outcome`.
    pub(crate) async fn answers(
        &mut self,
        view: &TenantView,
        outcome: &Outcome,
        yes: bool,
    ) -> Walked {
        let (req, hmac) = consent_fields(outcome);
        let turn = consent::answer(view, Some(&req), Some(&hmac), yes, &self.browser).await;
        turn.map(|turn| self.keeps(turn))
    }

    /// The whole of a login in our dialect through a redirecting connector, with a yes where one is
    /// asked for; the code.
    pub(crate) async fn walks(&mut self, view: &TenantView, query: &str) -> String {
        let sent = self.asks(view, query).await.unwrap();
        let mut outcome = self.logs_in(view, &sent).await.unwrap();
        if matches!(outcome, Outcome::Show(Screen::Consent { .. })) {
            outcome = self.answers(view, &outcome, true).await.unwrap();
        }
        code_in(&outcome)
    }

    /// The session cookie, as text.
    pub(crate) fn session(&self) -> Option<&str> {
        self.browser.sessions.first().map(SessionCookie::reveal)
    }

    pub(crate) fn keeps(&mut self, turn: Turn) -> Outcome {
        for change in turn.cookies {
            match change {
                CookieChange::Bind(value) => self.browser.bindings = vec![value],
                CookieChange::Carry { value, .. } => self.browser.carried = vec![value],
                CookieChange::EnterDevice { value, .. } => self.browser.entered.push(value),
                CookieChange::Release => self.browser.carried.clear(),
                CookieChange::KnowDevice { value, .. } => self.browser.devices = vec![value],
                CookieChange::RememberConnector { value, .. } => {
                    self.browser.last_used = vec![value];
                }
                CookieChange::LogIn { cookie, .. } => self.browser.sessions = vec![cookie],
                CookieChange::LogOut => self.browser.sessions.clear(),
            }
        }
        turn.outcome
    }
}

pub(crate) type Walked = Result<Outcome, FlowError>;

fn address(params: &Params) -> login::FormAddress<'_> {
    login::FormAddress {
        state: params.get("state"),
        back: params.get("back"),
    }
}

/// Where the upstream of `mock` answers: `None` is the callback that dex's connectors share.
pub(crate) fn at_callback(view: &TenantView) -> Option<&'static str> {
    (!view.rules().connectors_share_callback).then_some("mock")
}

/// Where a redirect leads.
pub(crate) fn destination(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Redirect { to, .. } => to,
        other => panic!("not a redirect: {other:?}"),
    }
}

/// The `state` a redirect carries: to an upstream, or to a password form.
pub(crate) fn state_in(outcome: &Outcome) -> String {
    let (_, query) = destination(outcome).split_once('?').unwrap();
    Params::parse(query).unwrap().take("state").unwrap()
}

/// The code the client is handed.
pub(crate) fn code_in(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Respond(response) => match response.params.as_slice() {
            [(name, code)] if name == "code" => code.clone(),
            other => panic!("not a code alone: {other:?}"),
        },
        other => panic!("not an answer to the client: {other:?}"),
    }
}

/// The hidden fields of the consent page: `req` and `hmac`.
pub(crate) fn consent_fields(outcome: &Outcome) -> (String, String) {
    match outcome {
        Outcome::Show(Screen::Consent { fields, .. }) => {
            let field = |name| {
                let found = fields.iter().find(|(n, _)| n == name);
                found.map(|(_, value)| value.clone()).unwrap()
            };
            (field("req"), field("hmac"))
        }
        other => panic!("not the consent page: {other:?}"),
    }
}

/// Why a step was refused, and whether the client hears of it.
pub(crate) fn heard<T: std::fmt::Debug>(walked: Result<T, FlowError>) -> (Refusal, bool) {
    match walked.unwrap_err() {
        FlowError::Refused(refused) => (refused.refusal, refused.reply_to.is_some()),
        FlowError::Fault { fault, .. } => panic!("a fault: {fault}"),
    }
}
