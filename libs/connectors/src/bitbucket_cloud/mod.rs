//! Bitbucket Cloud as an upstream.

mod settings;

use std::collections::HashSet;

use async_trait::async_trait;
use insula_connector_kit::{
    Capabilities, Challenge, Connector, ConnectorError, Document, LoginContext, Memory,
    OpenContext, Reply, UpstreamIdentity,
};
use insula_model::{ConnectorSpec, IdentityClaims, Issuer, UserId};
use insula_secret::Secret;
use reqwest::StatusCode;
use serde_json::Value;
use url::Url;

use self::settings::Settings;
use crate::base_url::BaseUrl;
use crate::http::{Answer, Ask, Trust, UpstreamHttp};
use crate::oauth_client::{Endpoints, Identify, KeptTokens, OAuthClient, refreshed};

/// As many to a page as there may be (Bitbucket: Pagination).
const PER_PAGE: (&str, &str) = ("pagelen", "100");
/// Who is in more than five thousand workspaces is told that they cannot be counted.
const MOST_PAGES: usize = 50;
/// Each permission costs a call of its own.
const MOST_PERMISSIONS: usize = 100;

/// Everything that is wrong with the settings, found without the network.
pub(crate) fn check(spec: &ConnectorSpec, issuer: &Issuer) -> Vec<String> {
    Settings::read(&spec.config).problems(|settings| settings.problems(spec, issuer))
}

/// Sends people to Bitbucket, and asks its API who they are and which workspaces they are in.
pub(crate) struct BitbucketCloud {
    settings: Settings,
    api: BaseUrl,
    client: OAuthClient,
}

impl BitbucketCloud {
    pub(crate) fn open(
        http: &UpstreamHttp,
        spec: &ConnectorSpec,
        ctx: &OpenContext,
    ) -> Result<Self, ConnectorError> {
        let site = ("https://bitbucket.org", "https://api.bitbucket.org");
        Self::at(site, http, spec, ctx)
    }

    /// Of Bitbucket's pages and its API at these addresses.
    fn at(
        (pages, api): (&str, &str),
        http: &UpstreamHttp,
        spec: &ConnectorSpec,
        ctx: &OpenContext,
    ) -> Result<Self, ConnectorError> {
        let reading = Settings::read(&spec.config);
        let mut settings = reading.usable(|settings| settings.problems(spec, &ctx.issuer))?;
        let base = |text| {
            BaseUrl::parse(text)
                .ok_or_else(|| ConnectorError::Settings("Bitbucket has no address".to_owned()))
        };
        let (pages, api) = (base(pages)?, base(api)?);
        let endpoints = Endpoints {
            authorization: pages.at(&["site", "oauth2", "authorize"], &[]),
            token: pages.at(&["site", "oauth2", "access_token"], &[]),
            never_basic: false,
            // It says nothing of RFC 7636.
            takes_challenge: false,
        };
        let registration = std::mem::take(&mut settings.registration);
        let trust = Trust::default();
        Ok(Self {
            client: OAuthClient::open(http, spec, ctx, registration, endpoints, trust)?,
            settings,
            api,
        })
    }

    async fn get(
        &self,
        url: Url,
        token: &Secret<str>,
        what: &'static str,
    ) -> Result<Answer, ConnectorError> {
        self.client.ask(Ask::get(url), token, what).await
    }

    /// All values of a list. Bitbucket says where the next page is, which is followed within its API
    /// alone: the token goes along.
    async fn list(
        &self,
        path: &[&str],
        token: &Secret<str>,
        what: &'static str,
    ) -> Result<Vec<Document>, ConnectorError> {
        let mut all = Vec::new();
        let mut url = self.api.at(path, &[PER_PAGE]);
        for _ in 0..MOST_PAGES {
            let answer = self.get(url, token, what).await?.ok(what)?;
            let page = answer.document(what)?;
            all.extend(values(&page, what)?);
            let Some(next) = page.text("next")? else {
                return Ok(all);
            };
            url = Url::parse(&next)
                .ok()
                .filter(|next| self.api.has(next))
                .ok_or_else(|| {
                    ConnectorError::BadReply(format!("its list of {what} goes on elsewhere"))
                })?;
        }
        Err(ConnectorError::Upstream(format!(
            "its list of {what} has no end"
        )))
    }

    /// The address that is both the account's first one and confirmed.
    async fn email(&self, token: &Secret<str>) -> Result<String, ConnectorError> {
        let path = ["2.0", "user", "emails"];
        for one in self.list(&path, token, "mail addresses").await? {
            let is_it =
                one.flag("is_primary")? == Some(true) && one.flag("is_confirmed")? == Some(true);
            if let (true, Some(address)) = (is_it, one.text("email")?) {
                return Ok(address);
            }
        }
        Err(ConnectorError::Denied(
            "the account has no confirmed, primary mail address".to_owned(),
        ))
    }

    async fn groups(&self, token: &Secret<str>) -> Result<Vec<String>, ConnectorError> {
        let path = ["2.0", "user", "workspaces"];
        let mut workspaces = Vec::new();
        let mut seen = HashSet::new();
        for one in self.list(&path, token, "workspaces").await? {
            let workspace = one.object("workspace")?;
            let workspace = workspace.ok_or_else(|| {
                ConnectorError::BadReply("one of its workspaces is not told".to_owned())
            })?;
            let slug = workspace.required("slug")?.to_owned();
            if seen.insert(slug.clone()) {
                workspaces.push(slug);
            }
        }
        let mut groups = workspaces.clone();
        if self.settings.get_workspace_permissions {
            let asked: Vec<_> = workspaces.iter().filter(|slug| self.counts(slug)).collect();
            if asked.len() > MOST_PERMISSIONS {
                return Err(ConnectorError::Upstream(format!(
                    "it lists more than {MOST_PERMISSIONS} workspaces, too many to ask for the \
                     permission in each; name those that matter with teams, or leave \
                     getWorkspacePermissions out"
                )));
            }
            for slug in asked {
                if let Some(permission) = self.permission(slug, token).await? {
                    groups.push(format!("{slug}:{permission}"));
                }
            }
        }
        let named = &self.settings.teams;
        if !named.is_empty() {
            groups.retain(|group| named.contains(group));
            if groups.is_empty() {
                return Err(ConnectorError::NotInGroup);
            }
        }
        Ok(groups)
    }

    /// Whether the permission in a workspace can be among what is told.
    fn counts(&self, slug: &str) -> bool {
        let named = &self.settings.teams;
        let is_of_it = |name: &String| {
            name.strip_prefix(slug)
                .is_some_and(|rest| rest.starts_with(':'))
        };
        named.is_empty() || named.iter().any(is_of_it)
    }

    /// `owner`, `member` or `collaborator`. A workspace that does not tell it is no reason not to let
    /// anybody in.
    async fn permission(
        &self,
        slug: &str,
        token: &Secret<str>,
    ) -> Result<Option<String>, ConnectorError> {
        let path = ["2.0", "user", "workspaces", slug, "permission"];
        let answer = self
            .get(self.api.at(&path, &[]), token, "permission")
            .await?;
        if matches!(answer.status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND) {
            return Ok(None);
        }
        let told = answer.ok("permission")?.document("permission")?;
        told.text("permission")
    }
}

fn values(page: &Document, what: &'static str) -> Result<Vec<Document>, ConnectorError> {
    let bad = || ConnectorError::BadReply(format!("its {what} are not a list of objects"));
    let values = match page.get("values") {
        None => return Ok(Vec::new()),
        Some(values) => values.as_array().ok_or_else(bad)?,
    };
    let read = |value: &Value| {
        let members = value.as_object().ok_or_else(bad)?;
        Ok(Document::of(what, members.clone()))
    };
    values.iter().map(read).collect()
}

#[async_trait]
impl Identify for BitbucketCloud {
    async fn identity(
        &self,
        ctx: &LoginContext,
        kept: &KeptTokens,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let token = kept.access_token();
        let url = self.api.at(&["2.0", "user"], &[]);
        let user = self.get(url, &token, "user").await?.ok("user")?;
        let user = user.document("user")?;
        // Names can be changed and be given to somebody else.
        let user_id = UserId::parse(user.required("uuid")?)
            .map_err(|_| ConnectorError::BadReply("its user has an unusable uuid".to_owned()))?;
        let name = user.text("username")?.or(user.text("nickname")?);
        let name = name.or(user.text("display_name")?).unwrap_or_default();
        let email = self.email(&token).await?;
        let groups = if ctx.groups || !self.settings.teams.is_empty() {
            self.groups(&token).await?
        } else {
            Vec::new()
        };
        Ok(UpstreamIdentity {
            claims: IdentityClaims {
                username: name,
                email,
                email_verified: true,
                groups,
                ..IdentityClaims::of(user_id)
            },
            connector_data: Some(kept.to_data()),
            amr: Vec::new(),
            acr: None,
        })
    }
}

#[async_trait]
impl Connector for BitbucketCloud {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            refresh: true,
            password: false,
            exchange: false,
        }
    }

    async fn begin(&self, ctx: &LoginContext) -> Result<Challenge, ConnectorError> {
        self.client.begin(ctx, "account email", &[])
    }

    async fn complete(
        &self,
        ctx: &LoginContext,
        memory: &Memory,
        reply: Reply,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let tokens = self.client.complete(ctx, memory, reply).await?;
        self.identity(ctx, &KeptTokens::of(&tokens, None)).await
    }

    async fn refresh(
        &self,
        ctx: &LoginContext,
        known: &UpstreamIdentity,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        refreshed(&self.client, self, ctx, known).await
    }
}

#[cfg(test)]
mod tests;
