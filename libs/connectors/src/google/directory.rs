use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use insula_ambient::Timestamp;
use insula_connector_kit::{ConnectorError, Document, refused_with};
use insula_oauth::encode_pairs;
use insula_secret::Secret;
use serde_json::Value;
use tracing::warn;
use url::Url;

use super::service_account::ServiceAccount;
use super::settings::Admins;
use crate::http::{Answer, Ask, Upstream};

/// The most that groups.list gives at once.
const AT_ONCE: &str = "200";
/// Whoever needs more questions than so many is told that their groups cannot be counted.
const MOST_QUESTIONS: usize = 100;
/// A token is not used when it is about to end.
const MARGIN: Duration = Duration::from_mins(1);
/// What Google calls it when too much is asked, in an answer 403 (Directory API: Limits and quotas).
const TOO_MUCH: [&str; 4] = [
    "rateLimitExceeded",
    "userRateLimitExceeded",
    "quotaExceeded",
    "dailyLimitExceeded",
];
const GROUPS: &str = "groups";

/// The directory of a Google Workspace (Admin SDK: Directory API), which is asked with the key of a
/// service account in the name of an administrator.
///
/// It has a way of its own to Google: when the directory fails, people whose groups nobody wants log
/// in nevertheless.
pub(super) struct Directory {
    pub(super) connector: String,
    pub(super) account: ServiceAccount,
    pub(super) admins: Admins,
    pub(super) upstream: Upstream,
    pub(super) api: Url,
    /// Whether the groups that a person's groups are in count as theirs.
    pub(super) transitive: bool,
    /// By the address of the administrator: the last token, and when it ends.
    pub(super) tokens: Mutex<BTreeMap<String, (Secret<str>, Timestamp)>>,
}

/// What the directory says of the groups of a member.
enum Told {
    Groups(Vec<String>),
    /// It knows no such member.
    Nobody,
}

impl Directory {
    /// The groups of a person, by their addresses; sorted. Of whom the directory does not know there
    /// are none.
    pub(super) async fn groups(
        &self,
        email: &str,
        now: Timestamp,
    ) -> Result<Vec<String>, ConnectorError> {
        let admin = self.admins.of(email).ok_or_else(|| {
            ConnectorError::Settings(
                "domainToAdminEmail names no administrator for the domain of the person; add it, or \
                 one for \"*\""
                    .to_owned(),
            )
        })?;
        let mut found = BTreeSet::new();
        let mut questions = 0;
        let mut members = VecDeque::from([email.to_owned()]);
        while let Some(member) = members.pop_front() {
            let told = self.groups_of(&member, admin, now, &mut questions).await?;
            let Told::Groups(groups) = told else {
                if member == email {
                    let id = &self.connector;
                    warn!(connector.id = %id,
                        "connector {id}: the directory of the administrator does not know a person \
                         who logs in, who has no groups therefore; compare domainToAdminEmail");
                }
                continue;
            };
            for group in groups {
                if found.insert(group.clone()) && self.transitive {
                    members.push_back(group);
                }
            }
        }
        Ok(found.into_iter().collect())
    }

    /// All groups that a member, a person or a group, is in itself.
    async fn groups_of(
        &self,
        member: &str,
        admin: &str,
        now: Timestamp,
        questions: &mut usize,
    ) -> Result<Told, ConnectorError> {
        let mut groups = Vec::new();
        let mut page: Option<String> = None;
        loop {
            *questions += 1;
            if *questions > MOST_QUESTIONS {
                return Err(ConnectorError::Upstream(format!(
                    "the groups of one person take more than {MOST_QUESTIONS} questions"
                )));
            }
            let mut url = self.api.clone();
            url.query_pairs_mut()
                .append_pair("userKey", member)
                .append_pair("maxResults", AT_ONCE)
                .extend_pairs(page.iter().map(|page| ("pageToken", page)));
            let answer = self.ask(&url, admin, now).await?;
            if answer.status == 404 {
                return Ok(Told::Nobody);
            }
            let answer = permitted(answer)?.document(GROUPS)?;
            for group in objects(&answer) {
                groups.push(group.required("email")?.to_owned());
            }
            page = answer.text("nextPageToken")?;
            if page.is_none() {
                return Ok(Told::Groups(groups));
            }
        }
    }

    /// Asks in the name of an administrator; once more with a new token where the old one is refused.
    async fn ask(&self, url: &Url, admin: &str, now: Timestamp) -> Result<Answer, ConnectorError> {
        let ask =
            |token: &Secret<str>| Ask::get(url.clone()).with_bearer(token.reveal().to_owned());
        if let Some(token) = self.kept_token(admin, now) {
            let answer = self.upstream.ask(ask(&token)).await?;
            if answer.status != 401 {
                return Ok(answer);
            }
        }
        let token = self.new_token(admin, now).await?;
        self.upstream.ask(ask(&token)).await
    }

    fn kept_token(&self, admin: &str, now: Timestamp) -> Option<Secret<str>> {
        let tokens = self.kept();
        let (token, end) = tokens.get(admin)?;
        (now + MARGIN < *end).then(|| token.clone())
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<String, (Secret<str>, Timestamp)>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Exchanges an assertion for a token (RFC 7523 §2.1).
    async fn new_token(&self, admin: &str, now: Timestamp) -> Result<Secret<str>, ConnectorError> {
        const TOKEN: &str = "token response for the service account";
        let assertion = self.account.assertion(admin, now)?;
        let form = encode_pairs([
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", &assertion),
        ]);
        let ask = Ask::post_form(self.account.token_endpoint.clone(), form);
        let answer = self.upstream.ask(ask).await?;
        if answer.status.is_client_error() && answer.status != 429 {
            let word = refused_with(&answer.body).unwrap_or_else(|| "no error code".to_owned());
            let next = match word.as_str() {
                "unauthorized_client" | "access_denied" => {
                    "; delegate the scope admin.directory.group.readonly to it in the whole domain"
                }
                "invalid_grant" => {
                    "; compare the key, the administrator of domainToAdminEmail, and the clock"
                }
                _ => "",
            };
            return Err(ConnectorError::Upstream(format!(
                "it refuses the service account with {word}{next}"
            )));
        }
        let answer = answer.unless_it_failed(TOKEN)?.ok(TOKEN)?.document(TOKEN)?;
        let token: Secret<str> = Secret::new(answer.required("access_token")?);
        let lifetime = answer.time("expires_in")?.map_or(0, Timestamp::as_secs);
        let lifetime = Duration::from_secs(u64::try_from(lifetime).unwrap_or_default());
        let end = now + lifetime;
        self.kept().insert(admin.to_owned(), (token.clone(), end));
        Ok(token)
    }
}

/// The answer, unless a right is missing or too much is asked. A token of ours that is refused is
/// nothing that the person did.
fn permitted(answer: Answer) -> Result<Answer, ConnectorError> {
    match answer.status.as_u16() {
        401 => Err(ConnectorError::Upstream(
            "it refuses a new token of the service account".to_owned(),
        )),
        403 if !asks_too_much(&answer) => Err(ConnectorError::Upstream(
            "the administrator of domainToAdminEmail may not read groups, or the Admin SDK API is \
             not enabled in the project of the service account"
                .to_owned(),
        )),
        403 => Err(ConnectorError::Upstream(
            "it answered that too much is asked of it, when asked for its groups; try again later"
                .to_owned(),
        )),
        _ => answer.unless_it_failed(GROUPS)?.ok(GROUPS),
    }
}

/// Whether a 403 is for now, which its body tells: `{"error": {"errors": [{"reason": …}]}}`.
fn asks_too_much(answer: &Answer) -> bool {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let errors = body.pointer("/error/errors").and_then(Value::as_array);
    let mut reasons = errors
        .into_iter()
        .flatten()
        .filter_map(|error| error.get("reason")?.as_str());
    reasons.any(|reason| TOO_MUCH.contains(&reason))
}

fn objects(answer: &Document) -> Vec<Document> {
    let groups = answer.get("groups").and_then(Value::as_array);
    let groups = groups.into_iter().flatten().filter_map(Value::as_object);
    groups
        .map(|group| Document::of("group", group.clone()))
        .collect()
}
