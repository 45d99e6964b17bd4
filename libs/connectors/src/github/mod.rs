//! GitHub, and GitHub Enterprise Server, as an upstream.

mod settings;

use async_trait::async_trait;
use insula_connector_kit::{
    Capabilities, Challenge, Connector, ConnectorError, Document, LoginContext, Memory,
    OpenContext, Reply, UpstreamIdentity,
};
use insula_model::{ConnectorSpec, IdentityClaims, Issuer, UserId};
use insula_secret::Secret;
use reqwest::StatusCode;
use tracing::info;
use url::Url;

use self::settings::{Settings, TeamName};
use crate::http::{Answer, Ask, Trust, UpstreamHttp, root_ca};
use crate::oauth_client::{Endpoints, Identify, KeptTokens, OAuthClient, refreshed};

/// As many to a page as there may be (GitHub: Using pagination in the REST API).
const PER_PAGE: usize = 100;
/// Who is in more than five thousand teams is told that they cannot be counted.
const MOST_PAGES: usize = 50;

/// Everything that is wrong with the settings, found without the network.
pub(crate) fn check(spec: &ConnectorSpec, issuer: &Issuer) -> Vec<String> {
    Settings::read(&spec.config).problems(|settings| settings.problems(spec, issuer))
}

/// Sends people to GitHub, and asks its REST API who they are and which teams they are in.
pub(crate) struct Github {
    id: String,
    settings: Settings,
    team_name: TeamName,
    client: OAuthClient,
    api: Url,
    is_enterprise: bool,
}

/// Where a GitHub is: its pages, and its API.
struct Site {
    pages: Url,
    api: Url,
    is_enterprise: bool,
}

impl Site {
    fn of(settings: &Settings) -> Result<Self, ConnectorError> {
        let (pages, api) = if settings.host_name.is_empty() {
            (
                "https://github.com/".to_owned(),
                "https://api.github.com/".to_owned(),
            )
        } else {
            let pages = format!("https://{}/", settings.host_name);
            let api = format!("{pages}api/v3/");
            (pages, api)
        };
        let url = |text: String| {
            let odd = |_| ConnectorError::Settings("hostName is no name of a host".to_owned());
            Url::parse(&text).map_err(odd)
        };
        Ok(Self {
            pages: url(pages)?,
            api: url(api)?,
            is_enterprise: !settings.host_name.is_empty(),
        })
    }
}

impl Github {
    pub(crate) fn open(
        http: &UpstreamHttp,
        spec: &ConnectorSpec,
        ctx: &OpenContext,
    ) -> Result<Self, ConnectorError> {
        let settings = Self::settings(spec, ctx)?;
        let site = Site::of(&settings)?;
        Self::at(site, settings, http, spec, ctx)
    }

    fn settings(spec: &ConnectorSpec, ctx: &OpenContext) -> Result<Settings, ConnectorError> {
        Settings::read(&spec.config).usable(|settings| settings.problems(spec, &ctx.issuer))
    }

    fn at(
        site: Site,
        mut settings: Settings,
        http: &UpstreamHttp,
        spec: &ConnectorSpec,
        ctx: &OpenContext,
    ) -> Result<Self, ConnectorError> {
        let root_cas = if settings.root_ca.is_empty() {
            Vec::new()
        } else {
            vec![root_ca(&settings.root_ca)?]
        };
        let trust = Trust {
            root_cas,
            insecure_skip_verify: false,
        };
        let endpoints = Endpoints {
            authorization: below(&site.pages, "login/oauth/authorize")?,
            token: below(&site.pages, "login/oauth/access_token")?,
            never_basic: false,
            takes_challenge: true,
        };
        let registration = std::mem::take(&mut settings.registration);
        Ok(Self {
            id: spec.id.as_str().to_owned(),
            client: OAuthClient::open(http, spec, ctx, registration, endpoints, trust)?,
            // Judged when the settings were read.
            team_name: settings.team_name().unwrap_or(TeamName::Name),
            api: site.api,
            is_enterprise: site.is_enterprise,
            settings,
        })
    }

    async fn get(
        &self,
        path: &str,
        token: &Secret<str>,
        what: &'static str,
    ) -> Result<Answer, ConnectorError> {
        let ask = Ask::get(below(&self.api, path)?)
            .accepting("application/vnd.github+json")
            .with_header("x-github-api-version", "2022-11-28");
        self.client.ask(ask, token, what).await
    }

    /// All pages of a list.
    async fn list(
        &self,
        path: &str,
        token: &Secret<str>,
        what: &'static str,
    ) -> Result<Vec<Document>, ConnectorError> {
        let mut all = Vec::new();
        for page in 1..=MOST_PAGES {
            let path = format!("{path}?per_page={PER_PAGE}&page={page}");
            let answer = self.get(&path, token, what).await?.ok(what)?;
            let some = answer.documents(what)?;
            let is_last = some.len() < PER_PAGE;
            all.extend(some);
            if is_last {
                return Ok(all);
            }
        }
        let most = PER_PAGE * MOST_PAGES;
        Err(ConnectorError::Upstream(format!(
            "its {what} are more than {most}"
        )))
    }

    /// The address a person is known by: of the domain that is preferred; else the one their profile
    /// shows, if it is verified; else the primary one. An Enterprise Server may verify none, and all of
    /// its count.
    async fn email(
        &self,
        user: &Document,
        token: &Secret<str>,
    ) -> Result<(String, bool), ConnectorError> {
        let shown = user.text("email")?;
        let answer = self
            .get("user/emails?per_page=100", token, "mail addresses")
            .await?;
        let is_withheld = matches!(answer.status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
        if let (true, Some(shown)) = (is_withheld, &shown) {
            // A GitHub App without that permission: nobody says whether it was verified.
            return Ok((shown.clone(), false));
        }
        let mut primary = None;
        let mut verified = Vec::new();
        for one in answer.ok("mail addresses")?.documents("mail addresses")? {
            let is_verified = self.is_enterprise || one.flag("verified")? == Some(true);
            let Some(address) = one.text("email")?.filter(|_| is_verified) else {
                continue;
            };
            if one.flag("primary")? == Some(true) {
                primary = Some(address.clone());
            }
            verified.push(address);
        }
        let preferred = verified
            .iter()
            .find(|address| self.settings.prefers(address));
        let of_profile = shown.filter(|shown| verified.contains(shown));
        let chosen = preferred.cloned().or(of_profile).or(primary);
        chosen.map(|address| (address, true)).ok_or_else(|| {
            ConnectorError::Denied("the account has no verified, primary mail address".to_owned())
        })
    }

    async fn groups(
        &self,
        ctx: &LoginContext,
        login: &str,
        token: &Secret<str>,
    ) -> Result<Vec<String>, ConnectorError> {
        let is_wanted = ctx.groups && self.settings.load_all_groups;
        if !self.settings.names_organisations() && !is_wanted {
            return Ok(Vec::new());
        }
        let teams = self.teams(token).await?;
        if !self.settings.orgs.is_empty() {
            return self.groups_of_orgs(&teams, login, token).await;
        }
        if !self.settings.org.is_empty() {
            let of_org = teams.iter().filter(|team| team.is_of(&self.settings.org));
            return Ok(of_org.flat_map(|team| team.names.clone()).collect());
        }
        let orgs = self.list("user/orgs", token, "organisations").await?;
        let mut groups = Vec::new();
        for org in orgs {
            let name = org.required("login")?.to_owned();
            let of_org = teams.iter().filter(|team| team.is_of(&name));
            let of_org: Vec<_> = of_org.flat_map(|team| team.below(&name)).collect();
            groups.push(name);
            groups.extend(of_org);
        }
        Ok(groups)
    }

    /// The teams of the organisations that are named. Who is in none of those is not let in.
    async fn groups_of_orgs(
        &self,
        teams: &[Team],
        login: &str,
        token: &Secret<str>,
    ) -> Result<Vec<String>, ConnectorError> {
        let mut groups = Vec::new();
        let mut is_member = false;
        for org in &self.settings.orgs {
            if !self.is_member(&org.name, login, token).await? {
                continue;
            }
            let of_org = teams.iter().filter(|team| team.is_of(&org.name));
            let of_org = of_org.flat_map(|team| team.names.iter());
            let listed = of_org.filter(|name| org.teams.is_empty() || org.teams.contains(name));
            let named = listed.map(|name| format!("{}:{name}", org.name));
            let before = groups.len();
            groups.extend(named);
            is_member |= org.teams.is_empty() || groups.len() > before;
        }
        if is_member {
            return Ok(groups);
        }
        let id = &self.id;
        info!(connector.id = %id,
            "connector {id}: a person is in no team and no organisation that is named; if they are, \
             an owner of the organisation may not have approved the application");
        Err(ConnectorError::NotInGroup)
    }

    /// Whether somebody belongs to an organisation, publicly or not (GitHub: Check organization
    /// membership for a user). One that hides behind a single sign-on of its own does not say.
    async fn is_member(
        &self,
        org: &str,
        login: &str,
        token: &Secret<str>,
    ) -> Result<bool, ConnectorError> {
        let mut path = self.api.clone();
        if let Ok(mut segments) = path.path_segments_mut() {
            segments
                .pop_if_empty()
                .extend(["orgs", org, "members", login]);
        }
        let answer = self.get(path.as_str(), token, "organisation").await?;
        if !answer.header("x-github-sso").is_empty() {
            let id = &self.id;
            info!(connector.id = %id,
                "connector {id}: the organisation {org} wants its people to authorize the \
                 application for its single sign-on first");
        }
        match answer.status {
            StatusCode::NO_CONTENT => Ok(true),
            StatusCode::FOUND | StatusCode::NOT_FOUND | StatusCode::FORBIDDEN => Ok(false),
            _ => answer.ok("organisation").map(|_| false),
        }
    }

    async fn teams(&self, token: &Secret<str>) -> Result<Vec<Team>, ConnectorError> {
        let told = self.list("user/teams", token, "teams").await?;
        let mut teams = Vec::new();
        for team in told {
            let org = team.object("organization")?;
            let org = org.ok_or_else(|| {
                ConnectorError::BadReply("one of its teams has no organization".to_owned())
            })?;
            let (name, slug) = (
                team.required("name")?,
                team.text("slug")?.unwrap_or_default(),
            );
            let names = match self.team_name {
                TeamName::Name => vec![name.to_owned()],
                TeamName::Slug => vec![slug],
                TeamName::Both => vec![name.to_owned(), slug],
            };
            teams.push(Team {
                org: org.required("login")?.to_owned(),
                names,
            });
        }
        Ok(teams)
    }
}

/// A team somebody is in.
struct Team {
    org: String,
    /// By name, slug or both, as the settings want it.
    names: Vec<String>,
}

impl Team {
    /// Logins have no case.
    fn is_of(&self, org: &str) -> bool {
        self.org.eq_ignore_ascii_case(org)
    }

    fn below(&self, org: &str) -> Vec<String> {
        let names = self.names.iter();
        names.map(|name| format!("{org}:{name}")).collect()
    }
}

fn below(base: &Url, path: &str) -> Result<Url, ConnectorError> {
    base.join(path)
        .map_err(|_| ConnectorError::Settings("hostName makes no address".to_owned()))
}

#[async_trait]
impl Identify for Github {
    async fn identity(
        &self,
        ctx: &LoginContext,
        kept: &KeptTokens,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let token = kept.access_token();
        let user = self.get("user", &token, "user").await?.ok("user")?;
        let user = user.document("user")?;
        let login = user.required("login")?.to_owned();
        let id = if self.settings.use_login_as_id {
            login.clone()
        } else {
            let id = user.text("id")?;
            id.ok_or_else(|| ConnectorError::BadReply("its user has no \"id\"".to_owned()))?
        };
        let (email, email_verified) = self.email(&user, &token).await?;
        let groups = self.groups(ctx, &login, &token).await?;
        let user_id = UserId::parse(&id)
            .map_err(|_| ConnectorError::BadReply("its user has an unusable id".to_owned()))?;
        Ok(UpstreamIdentity {
            claims: IdentityClaims {
                username: user.text("name")?.unwrap_or_else(|| login.clone()),
                preferred_username: login,
                email,
                email_verified,
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
impl Connector for Github {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            refresh: true,
            password: false,
            exchange: false,
        }
    }

    async fn begin(&self, ctx: &LoginContext) -> Result<Challenge, ConnectorError> {
        let lists_groups = self.settings.names_organisations() || ctx.groups;
        let scope = if lists_groups {
            "user:email read:org"
        } else {
            "user:email"
        };
        let hint = ctx.login_hint.as_deref();
        let mut more: Vec<_> = hint.into_iter().map(|hint| ("login", hint)).collect();
        if ctx.force_login {
            more.push(("prompt", "select_account"));
        }
        self.client.begin(ctx, scope, &more)
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
