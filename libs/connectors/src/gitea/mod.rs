//! Gitea and Forgejo as an upstream.

mod settings;

use async_trait::async_trait;
use insula_connector_kit::{
    Capabilities, Challenge, Connector, ConnectorError, LoginContext, Memory, OpenContext, Reply,
    UpstreamIdentity,
};
use insula_model::{ConnectorSpec, IdentityClaims, Issuer, UserId};
use insula_secret::Secret;
use reqwest::StatusCode;

use self::settings::{Org, Settings};
use crate::base_url::BaseUrl;
use crate::http::{Ask, Trust, UpstreamHttp};
use crate::oauth_client::{Endpoints, Identify, KeptTokens, OAuthClient, refreshed};

/// To read the account and the teams. Without a scope, or with one that it does not know, Gitea lets
/// whoever has the token do all that the person may. It keeps the scopes that were granted first, so
/// that they do not depend on the settings.
const SCOPES: &str = "read:user read:organization";
/// How many to a page are asked for; a server may give fewer.
const PER_PAGE: &str = "50";
const MOST_PAGES: usize = 100;
/// What Gitea says of a refresh token that ran out or was used, where others say `invalid_grant`.
const SPENT: &[&str] = &["unauthorized_client"];

/// Everything that is wrong with the settings, found without the network.
pub(crate) fn check(spec: &ConnectorSpec, issuer: &Issuer) -> Vec<String> {
    Settings::read(&spec.config).problems(|settings| settings.problems(spec, issuer))
}

/// Sends people to Gitea, and asks its API who they are and which teams they are in.
pub(crate) struct Gitea {
    settings: Settings,
    base: BaseUrl,
    client: OAuthClient,
    /// Whether members of an organisation are let in who are in none of its teams that are listed.
    takes_members_of_other_teams: bool,
}

impl Gitea {
    pub(crate) fn open(
        http: &UpstreamHttp,
        spec: &ConnectorSpec,
        ctx: &OpenContext,
    ) -> Result<Self, ConnectorError> {
        let reading = Settings::read(&spec.config);
        let mut settings = reading.usable(|settings| settings.problems(spec, &ctx.issuer))?;
        let base = settings
            .base()
            .ok_or_else(|| ConnectorError::Settings("baseURL is no address".to_owned()))?;
        let endpoints = Endpoints {
            authorization: base.at(&["login", "oauth", "authorize"], &[]),
            token: base.at(&["login", "oauth", "access_token"], &[]),
            never_basic: false,
            takes_challenge: true,
        };
        let registration = std::mem::take(&mut settings.registration);
        let trust = Trust::default();
        let client = OAuthClient::open(http, spec, ctx, registration, endpoints, trust)?;
        Ok(Self {
            client: client.with_spent_words(SPENT),
            takes_members_of_other_teams: ctx.rules.takes_gitea_members_of_other_teams,
            settings,
            base,
        })
    }

    async fn groups(&self, token: &Secret<str>) -> Result<Vec<String>, ConnectorError> {
        let orgs = &self.settings.orgs;
        if orgs.is_empty() && !self.settings.load_all_groups {
            return Ok(Vec::new());
        }
        let teams = self.teams(token).await?;
        if !orgs.is_empty() {
            let groups: Vec<_> = orgs
                .iter()
                .flat_map(|org| self.of_org(org, &teams))
                .collect();
            return if groups.is_empty() {
                Err(ConnectorError::NotInGroup)
            } else {
                Ok(groups)
            };
        }
        let mut groups = Vec::new();
        for team in teams {
            let named = format!("{}:{}", team.org, team.name);
            if !groups.contains(&team.org) {
                groups.push(team.org);
            }
            groups.push(named);
        }
        Ok(groups)
    }

    /// What of an organisation that is named becomes groups: itself, and the teams that are listed.
    fn of_org(&self, org: &Org, teams: &[Team]) -> Vec<String> {
        let is_in = |wanted: &&String| {
            let mut of_org = teams.iter().filter(|team| team.is_of(&org.name));
            of_org.any(|team| team.name.eq_ignore_ascii_case(wanted))
        };
        let listed: Vec<_> = org.teams.iter().filter(is_in).collect();
        let is_member = teams.iter().any(|team| team.is_of(&org.name));
        let is_enough = org.teams.is_empty() || self.takes_members_of_other_teams;
        if !is_member || (listed.is_empty() && !is_enough) {
            return Vec::new();
        }
        let mut groups = vec![org.name.clone()];
        groups.extend(listed.iter().map(|team| format!("{}:{team}", org.name)));
        groups
    }

    /// All teams of a person. Only a page without any, or the number that Gitea tells, ends the list:
    /// how many there are to a page is the server's to say.
    async fn teams(&self, token: &Secret<str>) -> Result<Vec<Team>, ConnectorError> {
        let mut all = Vec::new();
        for page in 1..=MOST_PAGES {
            let page = page.to_string();
            let query = [("page", page.as_str()), ("limit", PER_PAGE)];
            let url = self.base.at(&["api", "v1", "user", "teams"], &query);
            let answer = self.client.ask(Ask::get(url), token, "teams").await?;
            if answer.status == StatusCode::FORBIDDEN {
                return Err(ConnectorError::Upstream(format!(
                    "it does not let us read the teams; it wants the scopes {SCOPES}, and a person \
                     who granted others before must revoke the application there"
                )));
            }
            let answer = answer.ok("teams")?;
            let some = answer.documents("teams")?;
            let is_end = some.is_empty();
            for team in some {
                let org = team.object("organization")?;
                let org = org.ok_or_else(|| {
                    ConnectorError::BadReply("one of its teams has no organization".to_owned())
                })?;
                // Older servers call it username alone.
                let name = org.text("username")?.or(org.text("name")?);
                let name = name.ok_or_else(|| {
                    ConnectorError::BadReply("one of its organizations has no name".to_owned())
                })?;
                all.push(Team {
                    org: name,
                    name: team.required("name")?.to_owned(),
                });
            }
            let total = answer.header("x-total-count").parse::<usize>();
            if is_end || total.is_ok_and(|total| all.len() >= total) {
                return Ok(all);
            }
        }
        Err(ConnectorError::Upstream(
            "its list of teams has no end".to_owned(),
        ))
    }
}

/// A team somebody is in.
struct Team {
    org: String,
    name: String,
}

impl Team {
    /// Names of organisations have no case.
    fn is_of(&self, org: &str) -> bool {
        self.org.eq_ignore_ascii_case(org)
    }
}

#[async_trait]
impl Identify for Gitea {
    async fn identity(
        &self,
        _ctx: &LoginContext,
        kept: &KeptTokens,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let token = kept.access_token();
        let url = self.base.at(&["api", "v1", "user"], &[]);
        let answer = self.client.ask(Ask::get(url), &token, "user").await?;
        if answer.status == StatusCode::FORBIDDEN {
            return Err(ConnectorError::Denied(
                "it refuses the account, which may be prohibited from signing in".to_owned(),
            ));
        }
        let user = answer.ok("user")?.document("user")?;
        let login = user.required("login")?.to_owned();
        let id = if self.settings.use_login_as_id {
            login.clone()
        } else {
            let id = user.text("id")?;
            id.ok_or_else(|| ConnectorError::BadReply("its user has no \"id\"".to_owned()))?
        };
        let user_id = UserId::parse(&id)
            .map_err(|_| ConnectorError::BadReply("its user has an unusable id".to_owned()))?;
        let groups = self.groups(&token).await?;
        let email = user.text("email")?.unwrap_or_default();
        Ok(UpstreamIdentity {
            claims: IdentityClaims {
                username: user.text("full_name")?.unwrap_or_else(|| email.clone()),
                preferred_username: login,
                // The address of an account is one that was confirmed, where the server asks for it.
                email_verified: !email.is_empty(),
                email,
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
impl Connector for Gitea {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            refresh: true,
            password: false,
            exchange: false,
        }
    }

    async fn begin(&self, ctx: &LoginContext) -> Result<Challenge, ConnectorError> {
        self.client.begin(ctx, SCOPES, &[])
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
