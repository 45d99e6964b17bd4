//! Somebody with a browser, and the client they use.

use std::future::Future;
use std::pin::Pin;

use insula_engine::Evidence;
use insula_flows::callback::Returned;
use insula_flows::introspect::{AnswerForm, Introspection};
use insula_flows::{
    AuthorizationResponse, Browser, CookieChange, FlowError, Outcome, Screen, TenantView, Turn,
    authorize, callback, consent, introspect, logout, logout::LogoutAnswer, revoke, token,
    userinfo,
};
use insula_model::{BrowserSession, SessionCookie};
use insula_oauth::{DeviceAuthorizationResponse, LogoutRequest, Params, TokenResponse};
use insula_store::ChangedFact;
use insula_testkit::{CHALLENGE, VERIFIER};
use serde_json::{Map, Value};

use crate::connector::UPSTREAM;
use crate::script::Act;
use crate::tenants::ROTATING;
use crate::truth::{Ending, Exchanged, Held, Moment, Session};

/// How many requests of one agent may be under way at once.
pub(crate) const SLOTS: usize = 4;

const REDIRECT_URI: &str = "https://app.test/cb";
/// Where people go when they have left, and what goes with them.
const AFTER_LOGOUT: &str = "https://app.test/bye";
const LOGOUT_STATE: &str = "left";
/// Where they arrive.
pub(crate) const LEFT: &str = "https://app.test/bye?state=left";

/// A person, their browser and their client, all honest but for the replays.
#[derive(Default)]
pub(crate) struct Agent {
    pub(crate) tenant: usize,
    pub(crate) name: String,
    pub(crate) client: &'static str,
    pub(crate) scope: &'static str,
    /// Where they log in.
    pub(crate) connector: &'static str,
    /// Whether their tenant goes by dex's rules.
    pub(crate) is_dex: bool,
    pub(crate) browser: Browser,
    pub(crate) login: Login,
    /// When the browser was sent on, and whether the login may be gone since.
    pub(crate) login_since: Option<Moment>,
    pub(crate) login_may_be_lost: bool,
    /// Whether a step of it was tried and not answered.
    pub(crate) login_was_tried: bool,
    pub(crate) session: Option<Session>,
    /// The proof that the person means to log out, once they were asked.
    pub(crate) logout_proof: Option<String>,
    pub(crate) is_leaving: bool,
    /// The code that waits to be redeemed.
    pub(crate) code: Option<usize>,
    /// The device that waits for its person, or to be answered.
    pub(crate) device: Option<Device>,
    /// What a service got in exchange for a token of theirs.
    pub(crate) exchanged: Option<Exchanged>,
    pub(crate) held: Option<Held>,
    pub(crate) is_revoking: bool,
    pub(crate) past: Past,
    pub(crate) slots: [Option<Request>; SLOTS],
}

/// Where a browser is in a login.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Login {
    #[default]
    None,
    /// Before ways to log in: routes of the tenant.
    AtChoice {
        ways: Vec<String>,
    },
    AtUpstream {
        state: String,
    },
    AskedForConsent {
        req: String,
        hmac: String,
    },
    /// Asked whether a device is theirs.
    AskedForDevice {
        req: String,
        hmac: String,
    },
    /// By dex's rules: on the way back from the login of a device.
    AtDeviceCallback {
        state: String,
        code: String,
    },
}

/// A device that asked for tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Device {
    /// Its code.
    pub(crate) code: usize,
    /// Whether its person was told what became of it.
    pub(crate) is_settled: bool,
}

/// What somebody who collects what is over may try.
#[derive(Default)]
pub(crate) struct Past {
    pub(crate) code: Option<usize>,
    pub(crate) replaced: Option<(String, usize)>,
    pub(crate) revoked: Option<(Held, Ending)>,
    pub(crate) cookie: Option<(SessionCookie, Ending)>,
    /// The code of a device that was answered.
    pub(crate) device: Option<usize>,
    pub(crate) exchanged: Option<(Exchanged, Ending)>,
}

pub(crate) type Running = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// A request under way.
pub(crate) struct Request {
    pub(crate) act: Act,
    pub(crate) node: usize,
    pub(crate) running: Running,
    /// Whether somebody still waits for the answer.
    pub(crate) is_heard: bool,
    pub(crate) begun: Moment,
    /// After how many steps it began.
    pub(crate) begun_at_step: u64,
    /// When its node had last read the keys that it pinned as it began.
    pub(crate) keys_read: Option<u64>,
    /// What was carried out for it so far.
    pub(crate) carried: Vec<&'static str>,
    pub(crate) lost: Vec<&'static str>,
    pub(crate) presents: Presents,
    /// Whether its tenant was served otherwise than it began meanwhile: then it may be refused.
    pub(crate) is_excused: bool,
}

/// What a request is about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Presents {
    pub(crate) code: Option<usize>,
    pub(crate) family: Option<usize>,
    pub(crate) token: Option<String>,
    pub(crate) token_since: Option<Moment>,
}

/// What a request came to.
pub(crate) enum Answer {
    Turn(Result<Turn, FlowError>),
    Tokens(Result<TokenResponse, FlowError>),
    Claims(Result<Map<String, Value>, FlowError>),
    /// Whether a token is worth anything.
    Worth(Result<bool, FlowError>),
    Done(Result<(), FlowError>),
    /// The codes of a device.
    Device(Result<DeviceAuthorizationResponse, FlowError>),
}

impl Request {
    /// Its node, if this call of it was carried out there.
    pub(crate) fn ended_it(&self, call: &str) -> Option<usize> {
        let is_carried = self.carried.contains(&call);
        is_carried.then_some(self.node)
    }
}

impl Agent {
    /// Its requests that somebody waits for.
    pub(crate) fn heard(&self) -> impl Iterator<Item = &Request> {
        self.slots.iter().flatten().filter(|r| r.is_heard)
    }

    /// What an answer of a node did to the browser's cookies.
    pub(crate) fn keep_cookies(
        &mut self,
        cookies: Vec<CookieChange>,
        request: &Request,
        now: Moment,
    ) {
        let begun = request.begun;
        for change in cookies {
            match change {
                CookieChange::Bind(value) => self.browser.bindings = vec![value],
                CookieChange::Carry { value, .. } => self.browser.carried = vec![value],
                CookieChange::EnterDevice { value, .. } => self.browser.entered.push(value),
                CookieChange::Release => self.browser.carried.clear(),
                CookieChange::KnowDevice { value, .. } => self.browser.devices = vec![value],
                CookieChange::RememberConnector { value, .. } => {
                    self.browser.last_used = vec![value];
                }
                CookieChange::LogIn { cookie, .. } => {
                    self.browser.sessions = vec![cookie.clone()];
                    let (logins, earlier) = self.taken_over(request, now);
                    self.session = Some(Session {
                        cookie,
                        since: begun,
                        served: begun,
                        logins,
                        earlier,
                        excused: None,
                    });
                }
                CookieChange::LogOut => {
                    self.browser.sessions.clear();
                    self.past.cookie = self.session.take().map(|session| {
                        let ending = Ending {
                            fact: ChangedFact::Session(session.cookie.hash()),
                            node: Some(request.node),
                            acknowledged: now,
                        };
                        (session.cookie, ending)
                    });
                    self.is_leaving = false;
                    self.logout_proof = None;
                }
            }
        }
    }

    /// The logins that a new session stands for beside its own, and how many sessions before it. Where the
    /// old one may have ended, or could not be ended, its clients need not be told.
    fn taken_over(&self, request: &Request, now: Moment) -> (Vec<String>, usize) {
        let Some(old) = &self.session else {
            return (Vec::new(), 0);
        };
        let is_taken = request.lost.is_empty()
            && !request.is_excused
            && old.excused.is_none()
            && old.surely_lives(now)
            && old.earlier + 1 < BrowserSession::MOST_EARLIER;
        if is_taken {
            (old.logins.clone(), old.earlier + 1)
        } else {
            (Vec::new(), old.earlier + 1)
        }
    }

    fn query(&self, prompt: Option<&str>) -> Params {
        let mut pairs = vec![
            ("client_id", self.client),
            ("redirect_uri", REDIRECT_URI),
            ("response_type", "code"),
            ("scope", self.scope),
            ("state", "xyz"),
            ("nonce", "n-0S6"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        pairs.extend(prompt.map(|prompt| ("prompt", prompt)));
        Params::from_pairs(pairs)
    }

    /// Asks `/auth`.
    pub(crate) fn asks(
        &self,
        view: TenantView,
        prompt: Option<&'static str>,
        browser: Browser,
    ) -> Running {
        let params = self.query(prompt);
        Box::pin(
            async move { Answer::Turn(authorize::start(&view, &params, None, &browser).await) },
        )
    }

    /// Follows the way of their connector, if there is one.
    pub(crate) fn chooses(&self, view: TenantView, ways: &[String]) -> Option<Running> {
        let is_theirs = |way: &&String| connector_of(way).is_none_or(|of| of == self.connector);
        let way = ways.iter().find(is_theirs)?;
        let (_, query) = way.split_once('?')?;
        let params = Params::parse(query).ok()?;
        let browser = self.browser.clone();
        let connector = connector_of(way).map(|_| self.connector);
        Some(Box::pin(async move {
            let turn = authorize::start(&view, &params, connector, &browser);
            Answer::Turn(turn.await)
        }))
    }

    /// Whether each use of their refresh token uses one of their upstream's up.
    pub(crate) fn rotates_upstream(&self) -> bool {
        self.connector == ROTATING
    }

    pub(crate) fn comes_back(&self, view: TenantView, state: String) -> Running {
        let (browser, name) = (self.browser.clone(), self.name.clone());
        let is_shared = view.rules().connectors_share_callback;
        let at = (!is_shared).then_some(self.connector);
        Box::pin(async move {
            let query = [("state", state.as_str()), ("code", name.as_str())];
            let returned = Returned::Query(Params::from_pairs(query));
            Answer::Turn(callback::complete(&view, at, returned, &browser).await)
        })
    }

    pub(crate) fn consents(&self, view: TenantView, req: String, hmac: String) -> Running {
        let browser = self.browser.clone();
        Box::pin(async move {
            let answer = consent::answer(&view, Some(&req), Some(&hmac), true, &browser);
            Answer::Turn(answer.await)
        })
    }

    pub(crate) fn logs_out(&self, view: TenantView) -> Running {
        let (browser, proof) = (self.browser.clone(), self.logout_proof.clone());
        let request = LogoutRequest {
            id_token_hint: self.held.as_ref().and_then(|held| held.id_token.clone()),
            client_id: Some(self.client.to_owned()),
            post_logout_redirect_uri: Some(AFTER_LOGOUT.to_owned()),
            state: Some(LOGOUT_STATE.to_owned()),
            ..LogoutRequest::default()
        };
        Box::pin(async move {
            let answer = LogoutAnswer {
                proof: proof.as_deref(),
                ..LogoutAnswer::default()
            };
            Answer::Turn(logout::logout(&view, &request, answer, &browser).await)
        })
    }

    /// Asks the token endpoint.
    pub(crate) fn exchanges(&self, view: TenantView, form: Params) -> Running {
        let authorization = self.authorization();
        Box::pin(async move {
            let evidence = Evidence::of_form(form).with_authorization(&authorization);
            Answer::Tokens(token::exchange(&view, &evidence).await)
        })
    }

    pub(crate) fn redeems(&self, view: TenantView, code: &str) -> Running {
        let form = Params::from_pairs([
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
        ]);
        self.exchanges(view, form)
    }

    pub(crate) fn refreshes(&self, view: TenantView, token: &str) -> Running {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.exchanges(view, Params::from_pairs(form))
    }

    /// Logs in with name and password.
    pub(crate) fn logs_in(&self, view: TenantView) -> Running {
        let form = [
            ("grant_type", "password"),
            ("username", self.name.as_str()),
            ("password", "hunter2"),
            ("scope", self.scope),
        ];
        self.exchanges(view, Params::from_pairs(form))
    }

    pub(crate) fn revokes(&self, view: TenantView, token: &str) -> Running {
        revoked_by(view, token, self.authorization())
    }

    pub(crate) fn introspects(&self, view: TenantView, token: &str) -> Running {
        introspected_by(view, token, self.authorization())
    }

    pub(crate) fn authorization(&self) -> String {
        basic(self.client)
    }
}

pub(crate) fn basic(client: &str) -> String {
    let pair = format!("{client}:app-secret");
    let pair = data_encoding::BASE64.encode(pair.as_bytes());
    format!("Basic {pair}")
}

pub(crate) fn revoked_by(view: TenantView, token: &str, authorization: String) -> Running {
    let form = Params::from_pairs([("token", token)]);
    Box::pin(async move {
        let evidence = Evidence::of_form(form).with_authorization(&authorization);
        Answer::Done(revoke::revoke(&view, &evidence).await)
    })
}

pub(crate) fn introspected_by(view: TenantView, token: &str, authorization: String) -> Running {
    let form = Params::from_pairs([("token", token)]);
    Box::pin(async move {
        let evidence = Evidence::of_form(form).with_authorization(&authorization);
        let answer = introspect::answer(&view, &evidence, AnswerForm::Json).await;
        Answer::Worth(answer.map(|told| match told {
            Introspection::Json(worth) => worth.active,
            Introspection::Jwt(_) => false,
        }))
    })
}

/// Asks `/userinfo`.
pub(crate) fn shows(view: TenantView, token: String) -> Running {
    Box::pin(async move {
        let header = format!("Bearer {token}");
        let evidence = Evidence::default().with_authorization(&header);
        Answer::Claims(userinfo::answer(&view, &evidence).await)
    })
}

/// The code in an answer to the client.
pub(crate) fn code_in(response: &AuthorizationResponse) -> Option<&str> {
    let mut params = response.params.iter();
    let code = params.find(|(name, _)| name == "code");
    code.map(|(_, value)| value.as_str())
}

/// Where an answer leads in a login.
pub(crate) fn leads_to(outcome: &Outcome) -> Option<Login> {
    if let Outcome::Show(Screen::Choose { choices, .. }) = outcome {
        let ways = choices.iter().map(|choice| choice.to.clone());
        return Some(Login::AtChoice {
            ways: ways.collect(),
        });
    }
    let Outcome::Redirect { to, .. } = outcome else {
        return None;
    };
    let (path, query) = to.split_once('?')?;
    let params = Params::parse(query).ok()?;
    let get = |name| params.get(name).map(str::to_owned);
    if path == UPSTREAM {
        let state = get("state")?;
        return Some(Login::AtUpstream { state });
    }
    if path == "/approval" {
        let (req, hmac) = (get("req")?, get("hmac")?);
        return Some(Login::AskedForConsent { req, hmac });
    }
    let is_ours = path == "/auth" || connector_of(to).is_some();
    is_ours.then(|| Login::AtChoice {
        ways: vec![to.clone()],
    })
}

/// The connector of a route that leads to one.
fn connector_of(route: &str) -> Option<&str> {
    let (path, _) = route.split_once('?')?;
    path.strip_prefix("/auth/")
}

/// A hidden field of a page.
pub(crate) fn field(screen: &Screen, name: &str) -> Option<String> {
    let (Screen::Consent { fields, .. }
    | Screen::ConfirmLogout { fields, .. }
    | Screen::ConfirmDevice { fields, .. }) = screen
    else {
        return None;
    };
    let found = fields.iter().find(|(field, _)| field == name);
    found.map(|(_, value)| value.clone())
}
