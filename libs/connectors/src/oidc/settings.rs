use insula_model::{ConnectorSpec, Issuer};
use insula_oauth::CodeChallengeMethod;
use insula_secret::Secret;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::groups::{GroupRules, NewGroup};
use super::identity::ClaimRules;
use crate::callback;
use crate::oauth_client::Registration;
use crate::settings::{Kind, Reading, Setting, is_web_address, read};

/// dex's settings of an `oidc` connector, by dex's names.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Settings {
    pub(super) issuer: String,
    pub(super) issuer_alias: String,
    #[serde(rename = "clientID")]
    pub(super) client_id: String,
    pub(super) client_secret: Secret<str>,
    #[serde(rename = "redirectURI")]
    pub(super) redirect_uri: String,
    pub(super) provider_discovery_overrides: Overrides,
    pub(super) basic_auth_unsupported: Option<bool>,
    scopes: Option<Vec<String>>,
    hosted_domains: Vec<String>,
    #[serde(rename = "rootCAs")]
    pub(super) root_cas: Vec<String>,
    pub(super) insecure_skip_verify: bool,
    insecure_skip_email_verified: bool,
    insecure_enable_groups: bool,
    allowed_groups: Vec<String>,
    pub(super) acr_values: Vec<String>,
    pub(super) get_user_info: bool,
    #[serde(rename = "userIDKey")]
    user_id_key: String,
    user_name_key: String,
    prompt_type: Option<String>,
    pkce_challenge: String,
    /// Whether people are logged out there, too; where nothing is said, the tenant's rules say.
    pub(super) upstream_logout: Option<bool>,
    override_claim_mapping: bool,
    claim_mapping: ClaimMapping,
    claim_modifications: ClaimModifications,
    /// Set by connectors of vendors alone.
    #[serde(skip)]
    userinfo_stands_in: bool,
}

/// Endpoints that are not where discovery says.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Overrides {
    #[serde(rename = "tokenURL")]
    pub(super) token: String,
    #[serde(rename = "authURL")]
    pub(super) authorization: String,
    #[serde(rename = "jwksURL")]
    pub(super) jwks: String,
    #[serde(rename = "userInfoURL")]
    pub(super) userinfo: String,
    #[serde(rename = "endSessionURL")]
    pub(super) end_session: String,
    #[serde(rename = "deviceAuthURL")]
    device_authorization: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ClaimMapping {
    preferred_username: String,
    email: String,
    groups: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ClaimModifications {
    new_group_from_claims: Vec<NewGroup>,
    filter_group_claims: FilterGroups,
    modify_group_names: ModifyNames,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct FilterGroups {
    groups_filter: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ModifyNames {
    prefix: String,
    suffix: String,
}

const OVERRIDES: &[Setting] = &[
    Setting("tokenURL", Kind::Text),
    Setting("authURL", Kind::Text),
    Setting("jwksURL", Kind::Text),
    Setting("userInfoURL", Kind::Text),
    Setting("endSessionURL", Kind::Text),
    Setting("deviceAuthURL", Kind::Text),
];
const CLAIM_MAPPING: &[Setting] = &[
    Setting("preferred_username", Kind::Text),
    Setting("email", Kind::Text),
    Setting("groups", Kind::Text),
];
const NEW_GROUP: &[Setting] = &[
    Setting("claims", Kind::Texts),
    Setting("delimiter", Kind::Text),
    Setting("clearDelimiter", Kind::Flag),
    Setting("prefix", Kind::Text),
];
const CLAIM_MODIFICATIONS: &[Setting] = &[
    Setting("newGroupFromClaims", Kind::Groups(NEW_GROUP)),
    Setting(
        "filterGroupClaims",
        Kind::Group(&[Setting("groupsFilter", Kind::Text)]),
    ),
    Setting(
        "modifyGroupNames",
        Kind::Group(&[Setting("prefix", Kind::Text), Setting("suffix", Kind::Text)]),
    ),
];
/// Every setting there is.
pub(super) const SETTINGS: &[Setting] = &[
    Setting("issuer", Kind::Text),
    Setting("issuerAlias", Kind::Text),
    Setting("clientID", Kind::Text),
    Setting("clientSecret", Kind::Text),
    Setting("redirectURI", Kind::Text),
    Setting("providerDiscoveryOverrides", Kind::Group(OVERRIDES)),
    Setting("basicAuthUnsupported", Kind::Flag),
    Setting("scopes", Kind::Texts),
    Setting("hostedDomains", Kind::Texts),
    Setting("rootCAs", Kind::Texts),
    Setting("insecureSkipVerify", Kind::Flag),
    Setting("insecureSkipEmailVerified", Kind::Flag),
    Setting("insecureEnableGroups", Kind::Flag),
    Setting("allowedGroups", Kind::Texts),
    Setting("acrValues", Kind::Texts),
    Setting("getUserInfo", Kind::Flag),
    Setting("userIDKey", Kind::Text),
    Setting("userNameKey", Kind::Text),
    Setting("promptType", Kind::Text),
    Setting("pkceChallenge", Kind::Text),
    Setting("upstreamLogout", Kind::Flag),
    Setting("overrideClaimMapping", Kind::Flag),
    Setting("claimMapping", Kind::Group(CLAIM_MAPPING)),
    Setting("claimModifications", Kind::Group(CLAIM_MODIFICATIONS)),
];

/// Providers that are known to refuse HTTP Basic without saying so.
const BASIC_AUTH_UNSUPPORTED: [&str; 2] = ["okta.com", "oktapreview.com"];

impl Settings {
    /// Those of a vendor, whose connector makes an identity of the claims itself. Where a refresh
    /// brings no ID token, userinfo is asked.
    pub(crate) fn of_vendor(
        issuer: String,
        registration: Registration,
        scopes: Vec<String>,
    ) -> Self {
        Self {
            issuer,
            client_id: registration.client_id,
            client_secret: registration.client_secret,
            redirect_uri: registration.redirect_uri,
            scopes: Some(scopes),
            userinfo_stands_in: true,
            ..Self::default()
        }
    }

    /// Whether userinfo may tell who it is where a refresh brought no ID token.
    pub(super) fn asks_userinfo_without_id_token(&self) -> bool {
        self.get_user_info || self.userinfo_stands_in
    }

    /// Reads the settings.
    pub(super) fn read(config: &Value) -> Reading<Self> {
        read(config, SETTINGS)
    }

    /// Every problem in what they say.
    pub(super) fn problems(&self, spec: &ConnectorSpec, issuer: &Issuer) -> Vec<String> {
        let mut problems = Vec::new();
        if self.client_id.is_empty() && !self.is_for_exchange_alone() {
            problems.push("clientID is missing".to_owned());
        }
        let overrides = &self.provider_discovery_overrides;
        for (name, url, required) in [
            ("issuer", &self.issuer, true),
            (
                "providerDiscoveryOverrides.tokenURL",
                &overrides.token,
                false,
            ),
            (
                "providerDiscoveryOverrides.authURL",
                &overrides.authorization,
                false,
            ),
            ("providerDiscoveryOverrides.jwksURL", &overrides.jwks, false),
            (
                "providerDiscoveryOverrides.userInfoURL",
                &overrides.userinfo,
                false,
            ),
            (
                "providerDiscoveryOverrides.endSessionURL",
                &overrides.end_session,
                false,
            ),
        ] {
            if url.is_empty() {
                if required {
                    problems.push(format!("{name} is missing"));
                }
            } else if !is_web_address(url) {
                problems.push(format!(
                    "{name} must be an address like https://idp.example"
                ));
            }
        }
        problems.extend(callback::wrong(&self.redirect_uri, spec, issuer));
        if !self.hosted_domains.is_empty() {
            problems.push(
                "hostedDomains is not served by type oidc; remove it, and restrict people by \
                 allowedGroups"
                    .to_owned(),
            );
        }
        if !self.pkce_challenge.is_empty() && self.pkce().is_none() {
            problems.push("pkceChallenge must be S256 or plain".to_owned());
        }
        if let Err(cause) = self.claim_rules() {
            problems.push(cause);
        }
        problems
    }

    /// Whether it says nothing of a client that we would be at the upstream, so that nobody can be
    /// sent there: only tokens of the upstream's can be shown.
    pub(super) fn is_for_exchange_alone(&self) -> bool {
        self.client_id.is_empty()
            && self.client_secret.reveal().is_empty()
            && self.redirect_uri.is_empty()
    }

    /// The issuer its metadata and its tokens name.
    pub(super) fn expected_issuer(&self) -> &str {
        if self.issuer_alias.is_empty() {
            &self.issuer
        } else {
            &self.issuer_alias
        }
    }

    /// `openid`, then the others.
    pub(super) fn scope(&self) -> String {
        let more = self.scopes().into_iter().filter(|scope| *scope != "openid");
        let words: Vec<&str> = std::iter::once("openid").chain(more).collect();
        words.join(" ")
    }

    fn scopes(&self) -> Vec<&str> {
        match &self.scopes {
            Some(scopes) if !scopes.is_empty() => scopes.iter().map(String::as_str).collect(),
            _ => vec!["profile", "email"],
        }
    }

    /// What is asked of the person when a refresh token is wanted.
    pub(super) fn prompt_type(&self) -> &str {
        self.prompt_type.as_deref().unwrap_or("consent")
    }

    /// The challenge method that is used whatever the upstream says.
    pub(super) fn pkce(&self) -> Option<CodeChallengeMethod> {
        CodeChallengeMethod::parse(&self.pkce_challenge)
    }

    /// Whether the client's credentials must travel in the body.
    pub(super) fn never_basic(&self) -> bool {
        self.basic_auth_unsupported.unwrap_or_else(|| {
            let host = Url::parse(&self.issuer).ok();
            let host = host.as_ref().and_then(Url::host_str).unwrap_or_default();
            BASIC_AUTH_UNSUPPORTED.iter().any(|domain| {
                let below = host.strip_suffix(domain);
                below.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            })
        })
    }

    /// What is written but has no effect, and why.
    pub(super) fn ignored(&self) -> Vec<&'static str> {
        let mut ignored = Vec::new();
        if !self.allowed_groups.is_empty() && !self.insecure_enable_groups {
            ignored.push(
                "allowedGroups without insecureEnableGroups: no group is required of anybody",
            );
        }
        if !self
            .provider_discovery_overrides
            .device_authorization
            .is_empty()
        {
            ignored.push("providerDiscoveryOverrides.deviceAuthURL: no login asks there");
        }
        ignored
    }

    /// How claims become an identity.
    pub(super) fn claim_rules(&self) -> Result<ClaimRules, String> {
        let modifications = &self.claim_modifications;
        let filter = &modifications.filter_group_claims.groups_filter;
        let filter = if filter.is_empty() {
            None
        } else {
            let compiled = regex::RegexBuilder::new(filter).size_limit(1 << 20).build();
            Some(compiled.map_err(|_| {
                "claimModifications.filterGroupClaims.groupsFilter is not a regular expression"
                    .to_owned()
            })?)
        };
        let names = &modifications.modify_group_names;
        let mapping = &self.claim_mapping;
        Ok(ClaimRules {
            user_id_key: non_empty(&self.user_id_key),
            user_name_key: non_empty(&self.user_name_key).unwrap_or_else(|| "name".to_owned()),
            preferred_username_key: non_empty(&mapping.preferred_username),
            email_key: non_empty(&mapping.email),
            mapping_wins: self.override_claim_mapping,
            email_scope: self.scopes().contains(&"email"),
            missing_email_verified_is_true: self.insecure_skip_email_verified,
            groups: GroupRules {
                enabled: self.insecure_enable_groups,
                key: non_empty(&mapping.groups),
                mapping_wins: self.override_claim_mapping,
                filter,
                allowed: self.allowed_groups.clone(),
                prefix: names.prefix.clone(),
                suffix: names.suffix.clone(),
                new_groups: modifications.new_group_from_claims.clone(),
            },
        })
    }
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
