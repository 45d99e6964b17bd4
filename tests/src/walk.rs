use std::collections::BTreeMap;

use url::Url;

use crate::{Agent, Answer, Login};

const MOST_PAGES: usize = 20;

/// Somebody who logs in, and how they answer what they are asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Person<'a> {
    /// What they type as their name.
    pub login: &'a str,
    /// What they type as their password.
    pub password: &'a str,
    /// The way they choose where there is a choice.
    pub connector: Option<&'a str>,
    /// Whether they refuse what they are asked to allow.
    pub denies: bool,
}

impl<'a> Person<'a> {
    /// Somebody with a password.
    pub fn new(login: &'a str, password: &'a str) -> Self {
        Self {
            login,
            password,
            connector: Some("local"),
            denies: false,
        }
    }

    /// Somebody the upstream of this connector knows.
    pub fn at(connector: &'a str) -> Self {
        Self {
            connector: Some(connector),
            ..Self::default()
        }
    }
}

/// How the browser came back to the client.
#[derive(Debug, Clone)]
pub struct Back {
    /// The redirect URI with whatever was put on it.
    pub url: Url,
    /// The parameters, from the query, the fragment or the posted form.
    pub params: BTreeMap<String, String>,
    /// What was asked on the way: method, path and status of each step.
    pub steps: Vec<String>,
}

impl Back {
    /// Reads a redirect to a client: its query and its fragment.
    pub fn of(url: Url, steps: Vec<String>) -> Self {
        let fragment = url.fragment().unwrap_or_default().as_bytes();
        let fragment = url::form_urlencoded::parse(fragment);
        let pairs = url.query_pairs().chain(fragment);
        let params = pairs
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        Self { url, params, steps }
    }

    /// A parameter, empty if it is not there.
    pub fn get(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    /// The code; fails if there is none.
    #[track_caller]
    pub fn code(&self) -> &str {
        let code = self.params.get("code");
        code.unwrap_or_else(|| panic!("no code came back: {} after {:?}", self.url, self.steps))
    }
}

/// Walks a person through whatever is asked of them, until the browser is back at the client.
pub async fn walk(agent: &Agent, login: &Login, person: &Person<'_>) -> Back {
    let first = agent.get(&login.url).await;
    walk_on(agent, first, login, person).await
}

/// The same from what the browser was answered first.
pub async fn walk_on(agent: &Agent, first: Answer, login: &Login, person: &Person<'_>) -> Back {
    let mut answer = first;
    let mut steps = vec![step("GET", &answer)];
    for _ in 0..MOST_PAGES {
        let next = next(&answer, &login.redirect_uri, person);
        match next.unwrap_or_else(|stuck| panic!("{stuck} after {steps:?}")) {
            Next::Back(back) => return Back { steps, ..back },
            Next::Get(to) => {
                answer = agent.get(&to).await;
                steps.push(step("GET", &answer));
            }
            Next::Post(to, values) => {
                answer = agent.post(&to, &pairs(&values)).await;
                steps.push(step("POST", &answer));
            }
        }
    }
    panic!("not back after {MOST_PAGES} pages: {steps:?}");
}

/// Walks a person through whatever is asked of them, until a page has an element of the id `done`.
pub async fn walk_to(agent: &Agent, first: Answer, done: &str, person: &Person<'_>) -> Answer {
    let mut answer = first;
    let mut steps = vec![step("GET", &answer)];
    for _ in 0..MOST_PAGES {
        if answer.page().has(done) {
            return answer;
        }
        let next = next(&answer, "nowhere:", person);
        answer = match next.unwrap_or_else(|stuck| panic!("{stuck} after {steps:?}")) {
            Next::Get(to) => agent.get(&to).await,
            Next::Post(to, values) => agent.post(&to, &pairs(&values)).await,
            Next::Back(back) => panic!("back at {}", back.url),
        };
        steps.push(step("", &answer));
    }
    panic!("no {done} after {MOST_PAGES} pages: {steps:?}");
}

/// What a person's browser does with an answer.
#[derive(Debug, Clone)]
pub(crate) enum Next {
    /// It goes to the client.
    Back(Back),
    /// It follows a redirect or a link.
    Get(Url),
    /// A form is filled in and sent.
    Post(Url, Vec<(String, String)>),
}

/// What follows an answer; otherwise what the person sees, who can do nothing with it.
pub(crate) fn next(
    answer: &Answer,
    redirect_uri: &str,
    person: &Person<'_>,
) -> Result<Next, String> {
    if (300..400).contains(&answer.status) {
        let to = answer.location();
        if is_at(&to, redirect_uri) {
            return Ok(Next::Back(Back::of(to, Vec::new())));
        }
        return Ok(Next::Get(to));
    }
    let page = answer.page();
    let (url, status) = (&answer.url, answer.status);
    if status >= 400 {
        return Err(format!("stuck at {url} with {status}: {}", page.words()));
    }
    if let Some(link) = person.connector.and_then(|id| page.link_to(id)) {
        return Ok(Next::Get(url.join(&link).unwrap()));
    }
    let (form, values) = if let Some(form) = page.form_with("submit-approve") {
        let button = if person.denies {
            "submit-deny"
        } else {
            "submit-approve"
        };
        (form, form.filled(&[], button))
    } else if let Some(form) = page.form_with("password") {
        // Upstreams that are not ours call the name otherwise.
        let answers = [
            ("login", person.login),
            ("username", person.login),
            ("password", person.password),
        ];
        (form, form.filled(&answers, "submit-login"))
    } else if let Some(form) = page.form_with("submit-login") {
        // The address, whose domain leads on.
        (
            form,
            form.filled(&[("login", person.login)], "submit-login"),
        )
    } else if let Some(form) = page.forms.iter().find(|form| form.id == "form-post") {
        let url = url.join(&form.action).unwrap();
        let values = form.filled(&[], "submit-continue");
        if form.method != "post" {
            return Err(format!("a form that is not posted: {}", page.html));
        }
        if is_at(&url, redirect_uri) {
            let (params, steps) = (values.into_iter().collect(), Vec::new());
            return Ok(Next::Back(Back { url, params, steps }));
        }
        (form, values)
    } else {
        return Err(format!("nothing to do at {url}: {}", page.words()));
    };
    Ok(Next::Post(url.join(&form.action).unwrap(), values))
}

/// The fields of a form as they are sent.
pub(crate) fn pairs(values: &[(String, String)]) -> Vec<(&str, &str)> {
    values
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

fn is_at(url: &Url, redirect_uri: &str) -> bool {
    url.as_str()
        .strip_prefix(redirect_uri)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['?', '#', '&']))
}

fn step(method: &str, answer: &Answer) -> String {
    format!("{method} {} {}", answer.url.path(), answer.status)
}
