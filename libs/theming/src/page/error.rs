//! The page for everything that went wrong, and its usual causes.

use std::collections::BTreeMap;

use serde::Serialize;

/// What a person was about when something got in the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Occasion {
    /// Signing in.
    #[default]
    SignIn,
    /// Signing out.
    SignOut,
    /// Neither: an address of the service was opened.
    Visit,
}

/// Something is in the way: what happened, and what to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ErrorPage {
    /// Key of the heading, for example `error.client.title`.
    pub title_key: String,
    /// Key of the sentence below it.
    pub message_key: String,
    /// Variables of both texts.
    pub args: BTreeMap<String, String>,
    /// A line for whoever can mend it, shown small: an `error_description`.
    pub detail: Option<String>,
    /// Key of the words that say for whom that line is.
    pub detail_key: String,
    /// A short id to tell support, for faults.
    pub incident: Option<String>,
    /// The HTTP status it travels with.
    pub status: u16,
    /// Where "try again" leads.
    pub retry: Option<String>,
    /// Where the other ways to sign in are.
    pub another: Option<String>,
    /// Where the app is that the person can go on to; its host is `args.host`.
    pub app: Option<String>,
}

impl ErrorPage {
    fn of(kind: &str, status: u16) -> Self {
        Self {
            title_key: format!("error.{kind}.title"),
            message_key: format!("error.{kind}.message"),
            detail_key: "error.detail".to_owned(),
            status,
            ..Self::default()
        }
    }

    /// The client sent a request that cannot be answered (400); `detail` helps who built it.
    pub fn client_mistake(detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..Self::of("client", 400)
        }
    }

    /// We failed (500); the person can tell support the `incident`.
    pub fn our_fault(incident: impl Into<String>) -> Self {
        Self {
            incident: Some(incident.into()),
            ..Self::of("fault", 500)
        }
    }

    fn about(kind: &str, status: u16, connector_name: impl Into<String>) -> Self {
        Self {
            args: BTreeMap::from([("connector".to_owned(), connector_name.into())]),
            ..Self::of(kind, status)
        }
    }

    /// An upstream does not answer (502).
    pub fn upstream_down(connector_name: impl Into<String>, retry: Option<String>) -> Self {
        Self {
            retry,
            ..Self::about("upstream", 502, connector_name)
        }
    }

    /// An upstream answers what nobody can use (502); `detail` helps who manages it.
    pub fn upstream_mistake(connector_name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            detail_key: "error.reply.detail".to_owned(),
            ..Self::about("reply", 502, connector_name)
        }
    }

    /// A connector cannot work with its settings (503).
    pub fn connector_broken(connector_name: impl Into<String>) -> Self {
        Self::about("setup", 503, connector_name)
    }

    /// The connector was taken out while somebody signed in through it (410).
    pub fn connector_removed(another: Option<String>) -> Self {
        Self {
            another,
            ..Self::of("removed", 410)
        }
    }

    /// The login was declined at the upstream (403).
    pub fn declined(connector_name: impl Into<String>) -> Self {
        Self::about("declined", 403, connector_name)
    }

    /// The person did not allow the client what it asked for (403).
    pub fn not_allowed() -> Self {
        Self::of("consent", 403)
    }

    /// The upstream, or a rule, does not let this person in (403).
    pub fn denied(retry: Option<String>) -> Self {
        Self {
            retry,
            ..Self::of("denied", 403)
        }
    }

    /// The sign-in took too long or was opened twice (400).
    pub fn expired(retry: Option<String>) -> Self {
        Self {
            retry,
            ..Self::of("expired", 400)
        }
    }

    /// The sign-in was finished before, in this browser (400). `app` is the app's address and host,
    /// where a link leads to it.
    pub fn finished(app: Option<(String, String)>) -> Self {
        let (app, args) = match app {
            Some((app, host)) => (Some(app), BTreeMap::from([("host".to_owned(), host)])),
            None => (None, BTreeMap::new()),
        };
        Self {
            args,
            app,
            ..Self::of("finished", 400)
        }
    }

    /// The form came from another browser or without its cookie (400).
    pub fn cookies(retry: Option<String>) -> Self {
        Self {
            retry,
            ..Self::of("cookies", 400)
        }
    }

    /// Too many requests for the moment (429).
    pub fn busy(retry: Option<String>) -> Self {
        Self {
            retry,
            ..Self::of("busy", 429)
        }
    }

    /// There is no such page (404).
    pub fn not_found() -> Self {
        Self::of("missing", 404)
    }

    /// In words that fit what the person was about. What can happen on any occasion is said the same
    /// on all of them.
    #[must_use]
    pub fn on(self, occasion: Occasion) -> Self {
        let kind = self.title_key.trim_start_matches("error.");
        let kind = kind.trim_end_matches(".title");
        let fitting = match (occasion, kind) {
            (Occasion::SignIn, _)
            | (_, "fault" | "upstream" | "reply" | "setup" | "busy" | "missing") => return self,
            (Occasion::SignOut, "expired") => "expired-sign-out",
            (Occasion::SignOut, _) => "client-sign-out",
            (Occasion::Visit, _) => "client-visit",
        };
        Self {
            title_key: format!("error.{fitting}.title"),
            message_key: format!("error.{fitting}.message"),
            ..self
        }
    }

    /// With an incident id to tell support.
    pub fn with_incident(mut self, incident: impl Into<String>) -> Self {
        self.incident = Some(incident.into());
        self
    }
}
