//! Microsoft Entra ID, and accounts of Microsoft's, as an upstream.

mod graph;
mod settings;

use async_trait::async_trait;
use insula_connector_kit::{
    Capabilities, Challenge, Connector, ConnectorError, Document, LoginContext, Memory,
    OpenContext, Reply, UpstreamIdentity,
};
use insula_model::{ConnectorSpec, IdentityClaims, Issuer, UserId};
use tracing::warn;
use url::Url;

use self::graph::Graph;
use self::settings::{PreferredUsername, Settings};
use crate::http::{Trust, UpstreamHttp};
use crate::oauth_client::{Endpoints, Identify, KeptTokens, OAuthClient, refreshed};

/// Everything that is wrong with the settings, found without the network.
pub(crate) fn check(spec: &ConnectorSpec, issuer: &Issuer) -> Vec<String> {
    Settings::read(&spec.config).problems(|settings| {
        let mut problems = settings.problems(spec, issuer);
        problems.extend(settings.requires_untold_groups());
        problems
    })
}

/// Sends people to Microsoft, and asks Microsoft Graph who they are and which groups they are in.
pub(crate) struct Microsoft {
    id: String,
    settings: Settings,
    client: OAuthClient,
    graph: Url,
    preferred_username: PreferredUsername,
    believes_login_names: bool,
}

impl Microsoft {
    pub(crate) fn open(
        http: &UpstreamHttp,
        spec: &ConnectorSpec,
        ctx: &OpenContext,
    ) -> Result<Self, ConnectorError> {
        let reading = Settings::read(&spec.config);
        let mut settings = reading.usable(|settings| settings.problems(spec, &ctx.issuer))?;
        let id = spec.id.as_str();
        if let Some(cause) = settings.requires_untold_groups() {
            if !ctx.rules.lets_in_whose_groups_nobody_tells {
                return Err(ConnectorError::Settings(cause));
            }
            warn!(connector.id = %id, "connector {id} lets everybody in: {cause}");
        }
        for ignored in settings.ignored() {
            warn!(connector.id = %id, "of connector {id} is without effect: {ignored}");
        }
        let url = |text: &str, name: &str| {
            let odd = |_| ConnectorError::Settings(format!("{name} is no address"));
            Url::parse(text).map_err(odd)
        };
        let at = |what: &str| {
            let (api, tenant) = (settings.api_url(), settings.tenant());
            url(&format!("{api}/{tenant}/oauth2/v2.0/{what}"), "apiURL")
        };
        let endpoints = Endpoints {
            authorization: at("authorize")?,
            token: at("token")?,
            never_basic: true,
            takes_challenge: true,
        };
        let registration = std::mem::take(&mut settings.registration);
        let trust = Trust::default();
        let client = OAuthClient::open(http, spec, ctx, registration, endpoints, trust)?;
        Ok(Self {
            id: id.to_owned(),
            client: client.with_assertion(settings.client_assertion()),
            graph: url(settings.graph_url(), "graphURL")?,
            // Judged when the settings were read.
            preferred_username: settings
                .preferred_username()
                .unwrap_or(PreferredUsername::None),
            believes_login_names: ctx.rules.believes_login_names_of_microsoft,
            settings,
        })
    }

    /// Whether groups are asked for: where the client wants them, and whatever it wants where some are
    /// required.
    fn asks_for_groups(&self, ctx: &LoginContext) -> bool {
        let is_wanted = ctx.groups || !self.settings.groups.is_empty();
        is_wanted && self.settings.is_of_one_tenant()
    }

    /// The members of a user that are asked for.
    fn select(&self) -> String {
        let mut members = vec!["id", "displayName", "userPrincipalName"];
        if !self.believes_login_names {
            members.push("mail");
        }
        match self.preferred_username {
            PreferredUsername::MailNickname => members.push("mailNickname"),
            PreferredUsername::OnPremisesSamAccountName => members.push("onPremisesSamAccountName"),
            PreferredUsername::None | PreferredUsername::Name | PreferredUsername::Email => {}
        }
        members.join(",")
    }

    /// The person's address, and whether it is theirs.
    ///
    /// Whoever administers a tenant can write any address into `mail`, a stranger's, too. But a domain
    /// belongs to one tenant alone, which proved to own it: nobody else has people in it.
    async fn email(
        &self,
        graph: &Graph<'_>,
        user: &Document,
    ) -> Result<(String, bool), ConnectorError> {
        let login_name = user.text("userPrincipalName")?;
        if self.believes_login_names {
            return Ok((login_name.unwrap_or_default(), true));
        }
        // A guest's says where they are at home, and is no address.
        let login_name = login_name.filter(|name| !name.contains('#'));
        let Some(email) = user.text("mail")?.or(login_name) else {
            return Ok((String::new(), false));
        };
        let domains = graph.verified_domains().await?;
        let domain = email.rsplit_once('@').map(|(_, domain)| domain);
        let verified = domain.is_some_and(|domain| {
            let is_it = |known: &String| known.eq_ignore_ascii_case(domain);
            domains.iter().any(is_it)
        });
        Ok((email, verified))
    }

    /// The person's groups. `NotInGroup` if none of them is among those that are required.
    async fn groups(&self, graph: &Graph<'_>) -> Result<Vec<String>, ConnectorError> {
        let settings = &self.settings;
        let mut groups = graph.member_groups(settings.only_security_groups).await?;
        if !settings.calls_groups_by_id() {
            let (names, nameless) = graph.names(&groups).await?;
            if nameless > 0 {
                let id = &self.id;
                warn!(connector.id = %id,
                    "connector {id}: {nameless} groups are left out, because Microsoft does not say \
                     what they are called; grant the application GroupMember.Read.All");
            }
            groups = names;
        }
        let is_required = |group: &String| settings.groups.contains(group);
        if !settings.groups.is_empty() && !groups.iter().any(is_required) {
            return Err(ConnectorError::NotInGroup);
        }
        if settings.use_groups_as_whitelist {
            groups.retain(is_required);
        }
        Ok(groups)
    }
}

#[async_trait]
impl Identify for Microsoft {
    async fn identity(
        &self,
        ctx: &LoginContext,
        kept: &KeptTokens,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let graph = Graph {
            client: &self.client,
            url: &self.graph,
            token: kept.access_token(),
        };
        let user = graph.me(&self.select()).await?;
        let user_id = UserId::parse(user.required("id")?)
            .map_err(|_| ConnectorError::BadReply("its user has an unusable id".to_owned()))?;
        let (mut email, email_verified) = self.email(&graph, &user).await?;
        if self.settings.email_to_lowercase {
            email = email.to_lowercase();
        }
        let groups = if self.asks_for_groups(ctx) {
            self.groups(&graph).await?
        } else {
            Vec::new()
        };
        let username = user.text("displayName")?.unwrap_or_default();
        let preferred_username = match self.preferred_username {
            PreferredUsername::None => None,
            PreferredUsername::Name => Some(username.clone()),
            PreferredUsername::Email => Some(email.clone()),
            PreferredUsername::MailNickname => user.text("mailNickname")?,
            PreferredUsername::OnPremisesSamAccountName => user.text("onPremisesSamAccountName")?,
        };
        Ok(UpstreamIdentity {
            claims: IdentityClaims {
                username,
                preferred_username: preferred_username.unwrap_or_default(),
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
impl Connector for Microsoft {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            refresh: true,
            password: false,
            exchange: false,
        }
    }

    async fn begin(&self, ctx: &LoginContext) -> Result<Challenge, ConnectorError> {
        let settings = &self.settings;
        let scope = settings.scope(self.asks_for_groups(ctx), ctx.offline_access);
        let mut more = Vec::new();
        if ctx.force_login {
            more.push(("prompt", "login"));
        } else if !settings.prompt_type.is_empty() {
            more.push(("prompt", settings.prompt_type.as_str()));
        }
        if !settings.domain_hint.is_empty() {
            more.push(("domain_hint", &settings.domain_hint));
        }
        if let Some(hint) = &ctx.login_hint {
            more.push(("login_hint", hint));
        }
        self.client.begin(ctx, &scope, &more)
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
