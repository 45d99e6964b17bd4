use insula_connector_kit::{ConnectorError, Document};
use insula_secret::Secret;
use reqwest::StatusCode;
use serde_json::{Value, json};
use url::Url;

use crate::http::{Answer, Ask};
use crate::oauth_client::OAuthClient;

/// Microsoft Graph takes a thousand (directoryObject: getByIds). It answers each group whole, and an
/// answer may have a mebibyte, so that fewer are asked for at once.
const IDS_AT_ONCE: usize = 250;
/// Who is in more groups than fit in so many pages is told that they cannot be counted.
const MOST_PAGES: usize = 50;

/// Microsoft Graph, asked in the name of one person.
pub(super) struct Graph<'a> {
    pub(super) client: &'a OAuthClient,
    pub(super) url: &'a Url,
    pub(super) token: Secret<str>,
}

impl Graph<'_> {
    /// The person whose token it is (Graph: Get a user).
    pub(super) async fn me(&self, select: &str) -> Result<Document, ConnectorError> {
        const ME: &str = "user";
        let ask = Ask::get(self.at(&format!("/v1.0/me?$select={select}"))?);
        let answer = self.client.ask(ask, &self.token, ME).await?;
        permitted(answer, ME, "User.Read")?.document(ME)
    }

    /// The domains that the person's organisation proved to own (Graph: List organizations), which
    /// whoever may read the person may read. Who has no organisation has none.
    pub(super) async fn verified_domains(&self) -> Result<Vec<String>, ConnectorError> {
        const ORGANISATION: &str = "organization";
        let ask = Ask::get(self.at("/v1.0/organization?$select=id,verifiedDomains")?);
        let answer = self.client.ask(ask, &self.token, ORGANISATION).await?;
        if answer.status.is_client_error() {
            return Ok(Vec::new());
        }
        let answer = answer.ok(ORGANISATION)?.document(ORGANISATION)?;
        let mut domains = Vec::new();
        for organisation in objects(&answer, "value") {
            for domain in objects(&organisation, "verifiedDomains") {
                domains.extend(domain.text("name")?);
            }
        }
        Ok(domains)
    }

    /// The ids of all groups the person is in, also by way of others (Graph: directoryObject:
    /// getMemberGroups).
    pub(super) async fn member_groups(
        &self,
        only_security_groups: bool,
    ) -> Result<Vec<String>, ConnectorError> {
        let question = json!({ "securityEnabledOnly": only_security_groups });
        let mut ids = Vec::new();
        for page in self.pages("/v1.0/me/getMemberGroups", &question).await? {
            ids.extend(page.texts("value")?.unwrap_or_default());
        }
        Ok(ids)
    }

    /// What groups are called (Graph: directoryObject: getByIds). One whose name may not be read is
    /// left out; the second half of the answer counts them.
    pub(super) async fn names(
        &self,
        ids: &[String],
    ) -> Result<(Vec<String>, usize), ConnectorError> {
        let mut names = Vec::new();
        let mut nameless = 0;
        for some in ids.chunks(IDS_AT_ONCE) {
            let question = json!({ "ids": some, "types": ["group"] });
            let pages = self.pages("/v1.0/directoryObjects/getByIds", &question);
            for page in pages.await? {
                for group in objects(&page, "value") {
                    match group.text("displayName")? {
                        Some(name) => names.push(name),
                        None => nameless += 1,
                    }
                }
            }
        }
        Ok((names, nameless))
    }

    /// All pages of an answer. The next one is where the one before says, as long as that is at Graph:
    /// the person's token goes nowhere else.
    async fn pages(&self, path: &str, question: &Value) -> Result<Vec<Document>, ConnectorError> {
        const GROUPS: &str = "groups";
        let mut next = self.at(path)?;
        let mut pages = Vec::new();
        for _ in 0..MOST_PAGES {
            let ask = Ask::post_json(next, question);
            let answer = self.client.ask(ask, &self.token, GROUPS).await?;
            let page = permitted(answer, GROUPS, "GroupMember.Read.All")?.document(GROUPS)?;
            let link = page.text("@odata.nextLink")?;
            pages.push(page);
            let Some(link) = link else {
                return Ok(pages);
            };
            let is_there = |url: &Url| url.origin() == self.url.origin();
            next = Url::parse(&link).ok().filter(is_there).ok_or_else(|| {
                ConnectorError::Upstream(
                    "the next page of its groups is at another place, which is not followed"
                        .to_owned(),
                )
            })?;
        }
        Err(ConnectorError::Upstream(format!(
            "its groups of one person have more than {MOST_PAGES} pages"
        )))
    }

    fn at(&self, path: &str) -> Result<Url, ConnectorError> {
        let base = self.url.as_str().trim_end_matches('/');
        Url::parse(&format!("{base}{path}"))
            .map_err(|_| ConnectorError::Settings("graphURL is no address".to_owned()))
    }
}

/// The answer, unless a permission is missing.
fn permitted(answer: Answer, what: &str, permission: &str) -> Result<Answer, ConnectorError> {
    if answer.status == StatusCode::FORBIDDEN {
        return Err(ConnectorError::Upstream(format!(
            "it may not be asked for its {what}; grant the application {permission} at Microsoft, \
             with the consent of an administrator"
        )));
    }
    answer.ok(what)
}

/// The objects of a list; whatever else is in it says nothing.
fn objects(document: &Document, name: &str) -> Vec<Document> {
    let list = document.get(name).and_then(Value::as_array);
    let objects = list.into_iter().flatten().filter_map(Value::as_object);
    objects
        .map(|object| Document::of("answer of Graph", object.clone()))
        .collect()
}
