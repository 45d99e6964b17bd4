//! Google as an upstream.

mod directory;
mod service_account;
mod settings;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use insula_connector_kit::{
    Capabilities, Challenge, Connector, ConnectorError, LoginContext, Memory, OpenContext,
    Qualified, Reply, UpstreamClaims, UpstreamIdentity,
};
use insula_model::{ConnectorSpec, IdentityClaims, Issuer, UserId};
use insula_secret::Secret;
use tracing::warn;
use url::Url;

use self::directory::Directory;
use self::settings::Settings;
use crate::http::{Trust, Upstream, UpstreamHttp, UpstreamSettings};
use crate::oauth_client::same_person;
use crate::oidc::{self, Oidc, Told, details};

/// Everything that is wrong with the settings, found without the network.
pub(crate) fn check(spec: &ConnectorSpec, issuer: &Issuer) -> Vec<String> {
    Settings::read(&spec.config).problems(|settings| {
        let mut problems = settings.problems(spec, issuer);
        problems.extend(settings.requires_untold_groups());
        problems
    })
}

/// Sends people to Google, whose ID tokens say who they are, and asks the directory of their
/// organisation for their groups.
pub(crate) struct Google {
    oidc: Oidc,
    settings: Settings,
    directory: Option<Directory>,
}

/// Where Google is.
struct Site {
    issuer: String,
    directory: String,
}

impl Site {
    fn of_google() -> Self {
        Self {
            issuer: "https://accounts.google.com".to_owned(),
            directory: "https://admin.googleapis.com/admin/directory/v1/groups".to_owned(),
        }
    }
}

impl Google {
    pub(crate) fn open(
        http: &UpstreamHttp,
        spec: &ConnectorSpec,
        ctx: &OpenContext,
    ) -> Result<Self, ConnectorError> {
        Self::at(Site::of_google(), http, spec, ctx)
    }

    fn at(
        site: Site,
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
        for remark in settings.remarks() {
            warn!(connector.id = %id, "of connector {id}: {remark}");
        }
        let directory = match settings.service_account() {
            None => None,
            Some(account) => Some(Directory {
                connector: id.to_owned(),
                account: account.map_err(ConnectorError::Settings)?,
                admins: settings.admins(),
                upstream: upstream(http, spec, ctx)?,
                api: Url::parse(&site.directory)
                    .map_err(|_| ConnectorError::Settings("no address".to_owned()))?,
                transitive: settings.fetch_transitive_group_membership,
                tokens: Mutex::default(),
            }),
        };
        let registration = std::mem::take(&mut settings.registration);
        let of_oidc = oidc::Settings::of_vendor(site.issuer, registration, settings.scopes());
        Ok(Self {
            oidc: Oidc::with(of_oidc, http, spec, ctx)?,
            settings,
            directory,
        })
    }

    /// Who it is, if they are let in.
    async fn identity(
        &self,
        ctx: &LoginContext,
        told: Told,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let Told {
            claims,
            refresh_token,
        } = told;
        self.check_domain(&claims)?;
        let sub = claims.text("sub")?.unwrap_or_default();
        let user_id = UserId::parse(&sub)
            .map_err(|_| ConnectorError::BadReply("its person has an unusable id".to_owned()))?;
        let email = claims.text("email")?.unwrap_or_default();
        let verified = claims.flag_about("email_verified", &["email"], &email)?;
        Ok(UpstreamIdentity {
            claims: IdentityClaims {
                username: claims.text("name")?.unwrap_or_default(),
                email_verified: verified == Qualified::Told(true),
                groups: self.groups(ctx, &email).await?,
                details: details::of(&claims).into_box(),
                email,
                ..IdentityClaims::of(user_id)
            },
            // As dex keeps it: the token alone.
            connector_data: Some(refresh_token.reveal().as_bytes().to_vec()),
            amr: oidc::amr(&claims)?,
            acr: None,
        })
    }

    /// The request's `hd` is a hint that the person can change; what counts is what Google says.
    fn check_domain(&self, claims: &UpstreamClaims) -> Result<(), ConnectorError> {
        let domains = &self.settings.hosted_domains;
        let domain = claims.text("hd")?;
        let is_let_in = domain.is_some_and(|domain| domains.contains(&domain));
        if domains.is_empty() || is_let_in {
            return Ok(());
        }
        Err(ConnectorError::Denied(
            "the account belongs to none of the domains that are let in".to_owned(),
        ))
    }

    /// The person's groups: where the client wants them, and whatever it wants where some are
    /// required.
    async fn groups(&self, ctx: &LoginContext, email: &str) -> Result<Vec<String>, ConnectorError> {
        let required = &self.settings.groups;
        let Some(directory) = &self.directory else {
            return Ok(Vec::new());
        };
        if required.is_empty() && !ctx.groups {
            return Ok(Vec::new());
        }
        if email.is_empty() {
            return Err(ConnectorError::BadReply(
                "the claim \"email\" is missing, by which groups are asked for; add email to scopes"
                    .to_owned(),
            ));
        }
        let mut groups = directory.groups(email, ctx.now).await?;
        if !required.is_empty() {
            groups.retain(|group| required.contains(group));
            if groups.is_empty() {
                return Err(ConnectorError::NotInGroup);
            }
        }
        Ok(groups)
    }
}

fn upstream(
    http: &UpstreamHttp,
    spec: &ConnectorSpec,
    ctx: &OpenContext,
) -> Result<Upstream, ConnectorError> {
    let settings = UpstreamSettings {
        connector: spec.id.as_str().to_owned(),
        timeout: spec.timeout,
        calls: ctx.upstream_calls,
        trust: Trust::default(),
        clock: Arc::clone(&ctx.clock),
    };
    Upstream::open(http, settings)
}

#[async_trait]
impl Connector for Google {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            refresh: true,
            password: false,
            exchange: false,
        }
    }

    async fn begin(&self, ctx: &LoginContext) -> Result<Challenge, ConnectorError> {
        let mut words = Vec::new();
        // Google knows no way to demand the password anew. It lets people choose an account at least.
        if ctx.force_login {
            words.push("select_account");
        }
        if ctx.offline_access {
            let asked = self.settings.prompt_type().split_whitespace();
            words.extend(asked.filter(|word| {
                // Neither can stand beside the demand above.
                !ctx.force_login || !matches!(*word, "none" | "select_account")
            }));
        }
        let prompt = words.join(" ");
        let mut more = Vec::new();
        if !prompt.is_empty() {
            more.push(("prompt", prompt.as_str()));
        }
        if let Some(domain) = self.settings.domain_hint() {
            more.push(("hd", domain));
        }
        self.oidc.begin_with(ctx, &more).await
    }

    async fn complete(
        &self,
        ctx: &LoginContext,
        memory: &Memory,
        reply: Reply,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let told = self.oidc.told(ctx, memory, reply).await?;
        self.identity(ctx, told).await
    }

    async fn refresh(
        &self,
        ctx: &LoginContext,
        known: &UpstreamIdentity,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let data = known.connector_data.as_deref().unwrap_or_default();
        let token = str::from_utf8(data).ok().filter(|token| !token.is_empty());
        let token = token.map(Secret::new).ok_or_else(|| {
            ConnectorError::Upstream(
                "it gave no refresh token at the login; it gives one only when people are asked for \
                 their consent: promptType must be consent"
                    .to_owned(),
            )
        })?;
        let kept = |token: &str| token.as_bytes().to_vec();
        let told = self.oidc.told_again(ctx, token, kept).await?;
        let mut refreshed = same_person(known, self.identity(ctx, told).await?)?;
        // A refreshed ID token says less than the first one.
        if refreshed.claims.username.is_empty() {
            refreshed.claims.username.clone_from(&known.claims.username);
        }
        if refreshed.amr.is_empty() {
            refreshed.amr.clone_from(&known.amr);
        }
        Ok(refreshed)
    }
}

#[cfg(test)]
mod tests;
