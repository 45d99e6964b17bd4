use std::sync::{Mutex, MutexGuard, PoisonError};

use insula_connector_kit::{ConnectorError, Document};
use insula_secret::Secret;
use serde_json::{Map, Value, json};
use url::Url;

use crate::base_url::BaseUrl;
use crate::http::{Answer, Ask, Upstream};

/// Whose token it is that a question is asked with.
const TOKEN: &str = "x-auth-token";
const USER: &str = "user";
const GROUPS: &str = "groups";

/// Keystone, which is asked about people in the name of one who may look them up.
pub(super) struct Lookup {
    pub(super) base: BaseUrl,
    pub(super) upstream: Upstream,
    pub(super) domain: Value,
    pub(super) username: String,
    pub(super) password: Secret<str>,
    /// The last token of who looks people up. It serves until Keystone takes it no more.
    pub(super) token: Mutex<Option<Secret<str>>>,
}

/// What Keystone makes of a name and a password.
pub(super) enum Proof {
    /// They belong together: whose they are, a token of theirs, and whether that has a right anywhere.
    Right {
        told: Document,
        token: Secret<str>,
        has_roles: bool,
    },
    /// They do not, or the account is disabled, locked or over.
    Wrong,
    /// They do, and the account needs a second proof.
    NotEnough,
}

impl Lookup {
    /// Asks for a token by a password (Identity API v3: Password authentication).
    pub(super) async fn prove(
        &self,
        who: &Value,
        scope: Option<&Value>,
    ) -> Result<Proof, ConnectorError> {
        const PROOF: &str = "verdict on a password";
        let identity = json!({ "methods": ["password"], "password": { "user": who } });
        let mut auth = Map::from_iter([("identity".to_owned(), identity)]);
        if let Some(scope) = scope {
            auth.insert("scope".to_owned(), scope.clone());
        }
        let url = self.base.at(&["v3", "auth", "tokens"], &[]);
        let ask = Ask::post_json(url, &json!({ "auth": auth }));
        let answer = self.upstream.ask(ask).await?;
        match answer.status.as_u16() {
            201 => {}
            401 if !answer.header("openstack-auth-receipt").is_empty() => {
                return Ok(Proof::NotEnough);
            }
            401 => return Ok(Proof::Wrong),
            _ => return Err(unexpected(answer, PROOF)),
        }
        let token = Secret::new(answer.header("x-subject-token"));
        if token.reveal().is_empty() {
            let why = "its answer to a password has no X-Subject-Token";
            return Err(ConnectorError::BadReply(why.to_owned()));
        }
        let answer = answer.document("token")?.object("token")?;
        let answer = answer.unwrap_or_else(|| Document::of("token", Map::new()));
        let roles = answer.get("roles").and_then(Value::as_array);
        let told = answer.object(USER)?;
        Ok(Proof::Right {
            has_roles: roles.is_some_and(|roles| !roles.is_empty()),
            told: told.unwrap_or_else(|| Document::of(USER, Map::new())),
            token,
        })
    }

    /// A person by their id; `None` if there is none (any more).
    pub(super) async fn user(&self, id: &str) -> Result<Option<Document>, ConnectorError> {
        let answer = self
            .ask(&self.base.at(&["v3", "users", id], &[]), USER)
            .await?;
        match answer {
            None => Ok(None),
            Some(answer) => answer.document(USER)?.object(USER),
        }
    }

    /// The names of the groups of a person; `None` if there is no such person.
    pub(super) async fn groups(&self, id: &str) -> Result<Option<Vec<String>>, ConnectorError> {
        let url = self.base.at(&["v3", "users", id, "groups"], &[]);
        let Some(answer) = self.ask(&url, GROUPS).await? else {
            return Ok(None);
        };
        let answer = answer.document(GROUPS)?;
        if answer.flag("truncated")? == Some(true) {
            return Err(ConnectorError::Upstream(
                "its list of groups is cut short; raise list_limit in its configuration".to_owned(),
            ));
        }
        answer
            .names(GROUPS)
            .map(|names| Some(names.unwrap_or_default()))
    }

    /// Asks in the name of who looks people up; once more with a new token where the old one is
    /// refused. `None`: there is no such thing.
    async fn ask(&self, url: &Url, what: &'static str) -> Result<Option<Answer>, ConnectorError> {
        let ask = |token: Secret<str>| Ask::get(url.clone()).with_token_in(TOKEN, token);
        let kept = self.kept().clone();
        let first = match kept {
            None => None,
            Some(token) => {
                let answer = self.upstream.ask(ask(token)).await?;
                (answer.status != 401).then_some(answer)
            }
        };
        let answer = match first {
            Some(answer) => answer,
            None => {
                let token = self.new_token().await?;
                self.upstream.ask(ask(token)).await?
            }
        };
        match answer.status.as_u16() {
            404 => Ok(None),
            403 => Err(ConnectorError::Upstream(format!(
                "keystoneUsername may not look up the {what} of others; give it the role reader (or \
                 admin) in the domain, or a default project where it is admin"
            ))),
            401 => Err(ConnectorError::Upstream(format!(
                "it refuses a new token of keystoneUsername when asked for its {what}"
            ))),
            200 => Ok(Some(answer)),
            _ => Err(unexpected(answer, what)),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Option<Secret<str>>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token of who looks people up. Without a default project the first one gives no right, and a
    /// right in the domain, or in the whole cloud, has to be asked for.
    async fn new_token(&self) -> Result<Secret<str>, ConnectorError> {
        let password = self.password.reveal();
        let who = json!({ "name": self.username, "domain": self.domain, "password": password });
        let domain = json!({ "domain": self.domain });
        let system = json!({ "system": { "all": true } });
        let mut last = None;
        for scope in [None, Some(&domain), Some(&system)] {
            match (self.prove(&who, scope).await?, scope) {
                (
                    Proof::Right {
                        token, has_roles, ..
                    },
                    _,
                ) => {
                    last = Some(token);
                    if has_roles {
                        break;
                    }
                }
                (Proof::NotEnough, _) => {
                    return Err(ConnectorError::Upstream(
                        "keystoneUsername needs more than a password there; use an account that \
                         does not"
                            .to_owned(),
                    ));
                }
                (Proof::Wrong, None) => {
                    return Err(ConnectorError::Upstream(
                        "it refuses keystoneUsername; compare keystonePassword and domain with it"
                            .to_owned(),
                    ));
                }
                // It has no right there.
                (Proof::Wrong, Some(_)) => {}
            }
        }
        let token = last.ok_or_else(|| {
            ConnectorError::Upstream("it gives keystoneUsername no token".to_owned())
        })?;
        *self.kept() = Some(token.clone());
        Ok(token)
    }
}

fn unexpected(answer: Answer, what: &str) -> ConnectorError {
    let status = answer.status.as_u16();
    let failed = answer.unless_it_failed(what).err();
    failed.unwrap_or_else(|| {
        ConnectorError::Upstream(format!("it answered {status} when asked for its {what}"))
    })
}
