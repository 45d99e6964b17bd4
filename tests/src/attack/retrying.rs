//! A person and a client as honest ones are: who gets no answer, or hears that something is away,
//! asks again, at whichever node answers next. Everything that must not befall them is noted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use reqwest::Method;
use url::Url;

use crate::agent::encode;
use crate::walk::{Next, next, pairs};
use crate::{Agent, Answer, Back, Login, Person, RelyingParty, claims_of};

/// Between two tries. Less than `Retry-After` says, as many clients do.
const PAUSE: Duration = Duration::from_millis(100);
/// How long somebody goes on trying before they are called logged out.
const PERSISTENCE: Duration = Duration::from_secs(75);
/// More pages than a login has.
const MOST_PAGES: usize = 20;

/// Somebody who logs in and keeps their tokens fresh, whatever happens meanwhile.
pub(super) struct Retrying<'p> {
    party: &'p RelyingParty,
    agent: &'p Agent,
    person: Person<'p>,
    /// What must not happen, as it happened.
    pub(super) wrongs: Vec<String>,
    /// How often they had to begin their login again.
    pub(super) begun_again: usize,
    /// The longest any answer took.
    pub(super) longest: Duration,
    /// What each refresh token was answered with.
    children: BTreeMap<String, BTreeSet<String>>,
    /// The families of tokens that the code in use was answered with.
    families: BTreeSet<String>,
    until: Instant,
}

/// A login that was redeemed, and what is held since.
pub(super) struct Held {
    pub(super) login: Login,
    pub(super) code: String,
    pub(super) access_token: String,
    pub(super) refresh_token: String,
}

/// What came of a try.
enum Heard {
    Answer(Box<Answer>),
    /// Nothing in time, or that something is away: it is worth trying again.
    TryAgain {
        /// Whether they gave up waiting, so that an answer may have been on its way.
        gave_up: bool,
    },
}

enum Step {
    Get(Url),
    Post(Url, Vec<(String, String)>),
}

impl<'p> Retrying<'p> {
    /// A client and a person, with the browser they use.
    pub(super) fn new(party: &'p RelyingParty, agent: &'p Agent, person: Person<'p>) -> Self {
        Self {
            party,
            agent,
            person,
            wrongs: Vec::new(),
            begun_again: 0,
            longest: Duration::ZERO,
            children: BTreeMap::new(),
            families: BTreeSet::new(),
            until: Instant::now() + PERSISTENCE,
        }
    }

    fn wrong(&mut self, what: impl Into<String>) {
        self.wrongs.push(what.into());
    }

    fn goes_on(&mut self, what: &str) -> bool {
        let goes_on = Instant::now() < self.until;
        if !goes_on {
            self.wrong(format!("{what} did not come to an end"));
        }
        goes_on
    }

    /// Looks at what came back; what is worth another try is waited for.
    async fn hear(
        &mut self,
        began: Instant,
        attempt: reqwest::Result<Answer>,
        what: &str,
    ) -> Heard {
        self.longest = self.longest.max(began.elapsed());
        let try_again = match attempt {
            Ok(answer) if answer.status == 503 => {
                if answer.header("retry-after").is_empty() {
                    self.wrong(format!("{what}: 503 without Retry-After"));
                }
                Heard::TryAgain { gave_up: false }
            }
            Ok(answer) => return Heard::Answer(Box::new(answer)),
            Err(error) if error.is_timeout() => Heard::TryAgain { gave_up: true },
            Err(error) => {
                self.wrong(format!("{what}: no answer and no time-out: {error:?}"));
                Heard::TryAgain { gave_up: true }
            }
        };
        tokio::time::sleep(PAUSE).await;
        try_again
    }

    async fn take(&mut self, step: &Step) -> Heard {
        let (method, url, form) = match step {
            Step::Get(url) => (Method::GET, url, None),
            Step::Post(url, values) => (Method::POST, url, Some(encode(&pairs(values)))),
        };
        let (began, what) = (Instant::now(), format!("{method} {}", url.path()));
        let attempt = self.agent.try_send(method, url.as_str(), &[], form).await;
        self.hear(began, attempt, &what).await
    }

    /// Walks to the client, again from the start where a login was lost on the way.
    async fn walk(&mut self, more: &[(&str, &str)]) -> Option<(Login, Back)> {
        while self.goes_on("a login") {
            let login = self.party.begin_with(more);
            let mut step = Step::Get(Url::parse(&login.url).unwrap());
            let mut pages = 0;
            while pages < MOST_PAGES && self.goes_on("a login") {
                let Heard::Answer(answer) = self.take(&step).await else {
                    continue;
                };
                pages += 1;
                step = match next(&answer, &login.redirect_uri, &self.person) {
                    Ok(Next::Get(url)) => Step::Get(url),
                    Ok(Next::Post(url, values)) => Step::Post(url, values),
                    Ok(Next::Back(back)) if back.params.contains_key("code") => {
                        return Some((login, back));
                    }
                    Ok(Next::Back(back)) => {
                        let error = back.get("error");
                        if error != "temporarily_unavailable" {
                            let more = back.get("error_description");
                            self.wrong(format!("the client is told {error}: {more}"));
                            return None;
                        }
                        break;
                    }
                    // Its last step was carried out or lost, and the person is told to begin again.
                    Err(_) if answer.status == 400 => break,
                    Err(stuck) => {
                        self.wrong(stuck);
                        return None;
                    }
                };
            }
            self.begun_again += 1;
            tokio::time::sleep(PAUSE).await;
        }
        None
    }

    /// Logs in, with the question of consent, up to tokens.
    pub(super) async fn log_in(&mut self) -> Option<Held> {
        loop {
            let (login, back) = self.walk(&[("prompt", "consent")]).await?;
            self.party.check_response(&login, &back);
            self.families.clear();
            let code = back.code().to_owned();
            if let Some(held) = self.redeem(login, code).await? {
                return Some(held);
            }
            self.begun_again += 1;
        }
    }

    /// Redeems a code. `Some(None)` where the login has to begin again: the client gave up waiting,
    /// and the answer may have been written to nobody.
    async fn redeem(&mut self, login: Login, code: String) -> Option<Option<Held>> {
        let mut has_given_up = false;
        while self.goes_on("an exchange") {
            let began = Instant::now();
            let attempt = self.party.try_redeem(&login, &code).await;
            match self.hear(began, attempt, "exchange").await {
                Heard::TryAgain { gave_up } => has_given_up |= gave_up,
                Heard::Answer(answer) if answer.status == 200 => {
                    let (access_token, refresh_token) = self.told(&answer, None)?;
                    return Some(Some(Held {
                        login,
                        code,
                        access_token,
                        refresh_token,
                    }));
                }
                Heard::Answer(answer) if answer.status == 400 && has_given_up => return Some(None),
                Heard::Answer(answer) => {
                    self.wrong(format!("exchange: {} {}", answer.status, answer.body));
                    return None;
                }
            }
        }
        None
    }

    /// Uses the refresh token.
    pub(super) async fn refresh(&mut self, held: &mut Held) -> Option<()> {
        while self.goes_on("a refresh") {
            let form = [
                ("grant_type", "refresh_token"),
                ("refresh_token", held.refresh_token.as_str()),
            ];
            let began = Instant::now();
            let attempt = self.party.try_post("/token", &form).await;
            match self.hear(began, attempt, "refresh").await {
                Heard::TryAgain { .. } => {}
                Heard::Answer(answer) if answer.status == 200 => {
                    let presented = held.refresh_token.clone();
                    let told = self.told(&answer, Some(presented))?;
                    (held.access_token, held.refresh_token) = told;
                    return Some(());
                }
                Heard::Answer(answer) => {
                    let (status, body) = (answer.status, answer.body);
                    self.wrong(format!("logged out: refresh: {status} {body}"));
                    return None;
                }
            }
        }
        None
    }

    /// Reads an answer of the token endpoint, and sees that it is the only one of its kind.
    fn told(&mut self, answer: &Answer, presented: Option<String>) -> Option<(String, String)> {
        let json = answer.json();
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        let (access, refresh) = (text("access_token"), text("refresh_token"));
        let (Some(access), Some(refresh)) = (access, refresh) else {
            self.wrong(format!("tokens are missing: {}", answer.body));
            return None;
        };
        let claims = claims_of(&access);
        let family = claims["jti"].as_str().and_then(|jti| jti.split_once('.'));
        let family = family.map_or_else(|| claims.to_string(), |(family, _)| family.to_owned());
        self.families.insert(family);
        if self.families.len() > 1 {
            self.wrong(format!("one code, several families: {:?}", self.families));
        }
        if let Some(presented) = presented {
            let told = self.children.entry(presented).or_default();
            told.insert(refresh.clone());
            if told.len() > 1 {
                self.wrong("one refresh token was answered with two different ones");
            }
        }
        Some((access, refresh))
    }

    /// Asks who the bearer is.
    pub(super) async fn userinfo(&mut self, held: &Held) -> Option<()> {
        let bearer = format!("Bearer {}", held.access_token);
        let headers = [("authorization", bearer.as_str())];
        let url = self.party.at("/userinfo");
        while self.goes_on("userinfo") {
            let began = Instant::now();
            let asking = self.party.http.try_send(Method::GET, &url, &headers, None);
            let attempt = asking.await;
            match self.hear(began, attempt, "userinfo").await {
                Heard::TryAgain { .. } => {}
                Heard::Answer(answer) if answer.status == 200 => return Some(()),
                Heard::Answer(answer) => {
                    let (status, body) = (answer.status, answer.body);
                    self.wrong(format!("userinfo: {status} {body}"));
                    return None;
                }
            }
        }
        None
    }

    /// Comes back to the client with the browser's session alone; `login_required` would mean that
    /// it was logged out.
    pub(super) async fn come_back(&mut self) -> Option<()> {
        self.walk(&[("prompt", "none")]).await.map(|_| ())
    }

    /// Presents the code once more, which must be refused and end its family.
    pub(super) async fn replay(&mut self, held: &Held) -> Option<()> {
        self.is_refused(
            "a code presented again",
            &[
                ("grant_type", "authorization_code"),
                ("code", &held.code),
                ("redirect_uri", &held.login.redirect_uri),
                (
                    "code_verifier",
                    held.login.verifier.as_deref().unwrap_or_default(),
                ),
            ],
        )
        .await?;
        self.is_refused(
            "a refresh after the code was presented again",
            &[
                ("grant_type", "refresh_token"),
                ("refresh_token", &held.refresh_token),
            ],
        )
        .await
    }

    async fn is_refused(&mut self, what: &str, form: &[(&str, &str)]) -> Option<()> {
        while self.goes_on(what) {
            let began = Instant::now();
            let attempt = self.party.try_post("/token", form).await;
            match self.hear(began, attempt, what).await {
                Heard::TryAgain { .. } => {}
                Heard::Answer(answer) if answer.status == 400 => {
                    let error = answer.error();
                    if error != "invalid_grant" {
                        self.wrong(format!("{what}: {error}"));
                    }
                    return Some(());
                }
                Heard::Answer(answer) => {
                    let (status, body) = (answer.status, answer.body);
                    self.wrong(format!("{what}: {status} {body}"));
                    return None;
                }
            }
        }
        None
    }
}
