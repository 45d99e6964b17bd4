use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use insula_connector_kit::{Connector, ConnectorError, OpenConnector, OpenContext};
use insula_model::{ConnectorSpec, Issuer};
use url::Url;

use crate::authproxy::{self, AuthProxy};
use crate::bitbucket_cloud::{self, BitbucketCloud};
use crate::crowd::{self, Crowd};
use crate::gitea::{self, Gitea};
use crate::github::{self, Github};
use crate::gitlab::{self, Gitlab};
use crate::google::{self, Google};
use crate::http::UpstreamHttp;
use crate::keystone::{self, Keystone};
use crate::ldap::{self, Ldap};
use crate::linkedin::{self, Linkedin};
use crate::local::{self, Local};
use crate::microsoft::{self, Microsoft};
use crate::mock::{self, MockCallback, MockPassword};
use crate::oauth::{self, Oauth};
use crate::oidc::{self, Oidc};
use crate::openshift::{self, Openshift};
use crate::saml::{self, Saml};
use crate::settings::nearest;

/// Every kind of connector there is, by the name configurations call it.
pub struct Registry {
    http: Arc<UpstreamHttp>,
}

/// A kind: its name, what can be said of its settings, and how it is opened.
struct Kind {
    name: &'static str,
    /// Settings that hold certificates, a key or a token, or the path of a file of these.
    files: &'static [&'static str],
    check: fn(&ConnectorSpec, &Issuer) -> Vec<String>,
    open: fn(&UpstreamHttp, &ConnectorSpec, &OpenContext) -> Opened,
}

type Opened = Result<Arc<dyn Connector>, ConnectorError>;

/// One entry per kind; nothing else names them.
const KINDS: &[Kind] = &[
    Kind {
        name: "atlassian-crowd",
        files: &[],
        check: |spec, _| crowd::check(spec),
        open: |http, spec, ctx| Ok(Arc::new(Crowd::open(http, spec, ctx)?)),
    },
    Kind {
        name: "authproxy",
        files: &[],
        check: |spec, _| authproxy::check(spec),
        open: |_, spec, ctx| Ok(Arc::new(AuthProxy::open(spec, ctx)?)),
    },
    Kind {
        name: "bitbucket-cloud",
        files: &[],
        check: bitbucket_cloud::check,
        open: |http, spec, ctx| Ok(Arc::new(BitbucketCloud::open(http, spec, ctx)?)),
    },
    Kind {
        name: "gitea",
        files: &[],
        check: gitea::check,
        open: |http, spec, ctx| Ok(Arc::new(Gitea::open(http, spec, ctx)?)),
    },
    Kind {
        name: "github",
        files: &["rootCA"],
        check: github::check,
        open: |http, spec, ctx| Ok(Arc::new(Github::open(http, spec, ctx)?)),
    },
    Kind {
        name: "gitlab",
        files: &["rootCAData"],
        check: gitlab::check,
        open: |http, spec, ctx| Ok(Arc::new(Gitlab::open(http, spec, ctx)?)),
    },
    Kind {
        name: "google",
        files: &["serviceAccountFilePath"],
        check: google::check,
        open: |http, spec, ctx| Ok(Arc::new(Google::open(http, spec, ctx)?)),
    },
    Kind {
        name: "keystone",
        files: &[],
        check: |spec, _| keystone::check(spec),
        open: |http, spec, ctx| Ok(Arc::new(Keystone::open(http, spec, ctx)?)),
    },
    Kind {
        name: "ldap",
        files: &["rootCA", "clientCert", "clientKey"],
        check: |spec, _| ldap::check(spec),
        open: |http, spec, ctx| Ok(Arc::new(Ldap::open(http, spec, ctx)?)),
    },
    Kind {
        name: "linkedin",
        files: &[],
        check: linkedin::check,
        open: |http, spec, ctx| Ok(Arc::new(Linkedin::open(http, spec, ctx)?)),
    },
    Kind {
        name: "local",
        files: &[],
        check: |spec, _| local::check(spec),
        open: |_, spec, ctx| Ok(Arc::new(Local::open(spec, ctx))),
    },
    Kind {
        name: "microsoft",
        files: &["clientAssertion"],
        check: microsoft::check,
        open: |http, spec, ctx| Ok(Arc::new(Microsoft::open(http, spec, ctx)?)),
    },
    Kind {
        name: "mockCallback",
        files: &[],
        check: |spec, _| mock::check_callback(spec),
        open: |_, _, _| Ok(Arc::new(MockCallback)),
    },
    Kind {
        name: "mockPassword",
        files: &[],
        check: |spec, _| mock::check_password(spec),
        open: |_, spec, _| Ok(Arc::new(MockPassword::open(spec)?)),
    },
    Kind {
        name: "oauth",
        files: &["rootCAs"],
        check: oauth::check,
        open: |http, spec, ctx| Ok(Arc::new(Oauth::open(http, spec, ctx)?)),
    },
    Kind {
        name: "oidc",
        files: &["rootCAs"],
        check: oidc::check,
        open: |http, spec, ctx| Ok(Arc::new(Oidc::open(http, spec, ctx)?)),
    },
    Kind {
        name: "openshift",
        files: &["rootCA"],
        check: openshift::check,
        open: |http, spec, ctx| Ok(Arc::new(Openshift::open(http, spec, ctx)?)),
    },
    Kind {
        name: "saml",
        files: SAML_FILES,
        check: saml::check,
        open: |_, spec, ctx| Ok(Arc::new(Saml::open(spec, ctx)?)),
    },
    // What dex called it before.
    Kind {
        name: "samlExperimental",
        files: SAML_FILES,
        check: saml::check,
        open: |_, spec, ctx| Ok(Arc::new(Saml::open(spec, ctx)?)),
    },
];

/// Kinds whose upstreams only browsers speak to.
const CALLS_NOBODY: &[&str] = &["saml", "samlExperimental"];

const SAML_FILES: &[&str] = &["ca", "decryptionKeys", "decryptionCerts"];

impl Registry {
    /// A registry whose connectors speak to their upstreams through `http`.
    pub fn new(http: Arc<UpstreamHttp>) -> Self {
        Self { http }
    }

    /// The names of all kinds there are.
    pub fn kinds() -> Vec<&'static str> {
        KINDS.iter().map(|kind| kind.name).collect()
    }

    /// Which setting of which kind holds certificates, a key or a token, or the path of a file of
    /// these.
    pub fn file_settings() -> Vec<(&'static str, &'static str)> {
        let settings = KINDS
            .iter()
            .flat_map(|kind| kind.files.iter().map(|setting| (kind.name, *setting)));
        settings.collect()
    }

    /// Which setting of which group of which kind takes a keytab in base64, or the path of one.
    pub fn keytab_settings() -> Vec<(&'static str, &'static str, &'static str)> {
        vec![("ldap", "kerberos", "keytabPath")]
    }

    /// What of a connector's addresses can be told now to be out of reach: an inner address that
    /// `outbound` does not allow. Other names are judged by what they resolve to, when they are.
    pub fn out_of_reach(&self, spec: &ConnectorSpec) -> Vec<String> {
        if CALLS_NOBODY.contains(&spec.kind.as_str()) {
            return Vec::new();
        }
        let settings = spec.config.as_object().into_iter().flatten();
        let ours = |name: &str| name.eq_ignore_ascii_case("redirectURI");
        let urls = settings
            .filter(|(name, _)| !ours(name))
            .flat_map(|(name, value)| {
                let several = value.as_array().map(Vec::as_slice);
                let each = several.unwrap_or(std::slice::from_ref(value)).iter();
                each.filter_map(move |value| Some((name, address(name, value.as_str()?)?)))
            });
        let refused = urls.filter_map(|(name, url)| {
            let why = self.http.policy().out_of_reach(&url)?;
            Some(format!("{name}: {why}"))
        });
        refused.collect()
    }

    fn kind(spec: &ConnectorSpec) -> Result<&'static Kind, String> {
        let wanted = &spec.kind;
        let names = || KINDS.iter().map(|kind| kind.name);
        KINDS
            .iter()
            .find(|kind| kind.name == wanted)
            .ok_or_else(|| {
                let mut said = format!("connector type {wanted:?} is unknown");
                if let Some(meant) = nearest(wanted, names()) {
                    let _ = write!(said, "; did you mean {meant:?}?");
                }
                let known: Vec<_> = names().collect();
                let _ = write!(said, " (known: {})", known.join(", "));
                said
            })
    }
}

/// The address that a setting holds, if it does: a URL, or one of `host` and `hosts`, with or without a
/// port.
fn address(name: &str, value: &str) -> Option<Url> {
    let is_host = ["host", "hosts"]
        .iter()
        .any(|host| name.eq_ignore_ascii_case(host));
    let url = if is_host {
        Url::parse(&format!("https://{value}"))
    } else {
        Url::parse(value)
    };
    url.ok()
}

#[async_trait]
impl OpenConnector for Registry {
    fn check(&self, spec: &ConnectorSpec, issuer: &Issuer) -> Vec<String> {
        match Self::kind(spec) {
            Ok(kind) => (kind.check)(spec, issuer),
            Err(problem) => vec![problem],
        }
    }

    async fn open(&self, spec: &ConnectorSpec, ctx: &OpenContext) -> Opened {
        let kind = Self::kind(spec).map_err(ConnectorError::Settings)?;
        (kind.open)(&self.http, spec, ctx)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = KINDS.iter().map(|kind| kind.name);
        f.debug_list().entries(names).finish()
    }
}

#[cfg(test)]
mod tests;
