use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use insula_connector_kit::{Connector, ConnectorError, OpenConnector, OpenContext};
use insula_model::{ConnectorSpec, Issuer};

use crate::http::UpstreamHttp;
use crate::local::{self, Local};
use crate::mock::{self, MockCallback, MockPassword, MockPasswordSettings};
use crate::oidc::{self, Oidc};
use crate::settings::{nearest, read, refuse};

/// Every kind of connector there is, by the name configurations call it.
pub struct Registry {
    http: Arc<UpstreamHttp>,
}

/// A kind: its name, what can be said of its settings, and how it is opened.
struct Kind {
    name: &'static str,
    check: fn(&ConnectorSpec, &Issuer) -> Vec<String>,
    open: fn(&UpstreamHttp, &ConnectorSpec, &OpenContext) -> Opened,
}

type Opened = Result<Arc<dyn Connector>, ConnectorError>;

/// One line per kind.
const KINDS: &[Kind] = &[
    Kind {
        name: "local",
        check: check_local,
        open: open_local,
    },
    Kind {
        name: "mockCallback",
        check: check_mock_callback,
        open: open_mock_callback,
    },
    Kind {
        name: "mockPassword",
        check: check_mock_password,
        open: open_mock_password,
    },
    Kind {
        name: "oidc",
        check: check_oidc,
        open: open_oidc,
    },
];

impl Registry {
    /// A registry whose connectors speak to their upstreams through `http`.
    pub fn new(http: Arc<UpstreamHttp>) -> Self {
        Self { http }
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

fn check_local(spec: &ConnectorSpec, _: &Issuer) -> Vec<String> {
    read::<serde_json::Value>(&spec.config, local::SETTINGS).1
}

fn open_local(_: &UpstreamHttp, spec: &ConnectorSpec, ctx: &OpenContext) -> Opened {
    let id = spec.id.as_str().to_owned();
    let (passwords, hashing) = (Arc::clone(&ctx.passwords), Arc::clone(&ctx.hashing));
    Ok(Arc::new(Local::new(id, passwords, hashing)))
}

fn check_mock_callback(spec: &ConnectorSpec, _: &Issuer) -> Vec<String> {
    read::<serde_json::Value>(&spec.config, mock::CALLBACK_SETTINGS).1
}

fn open_mock_callback(_: &UpstreamHttp, _: &ConnectorSpec, _: &OpenContext) -> Opened {
    Ok(Arc::new(MockCallback))
}

fn check_mock_password(spec: &ConnectorSpec, _: &Issuer) -> Vec<String> {
    let (settings, mut problems) =
        read::<MockPasswordSettings>(&spec.config, mock::PASSWORD_SETTINGS);
    problems.extend(settings.problems());
    problems
}

fn open_mock_password(_: &UpstreamHttp, spec: &ConnectorSpec, _: &OpenContext) -> Opened {
    let (settings, _) = read::<MockPasswordSettings>(&spec.config, mock::PASSWORD_SETTINGS);
    refuse(settings.problems())?;
    Ok(Arc::new(MockPassword::new(settings)))
}

fn check_oidc(spec: &ConnectorSpec, issuer: &Issuer) -> Vec<String> {
    let (settings, mut problems) = oidc::Settings::read(&spec.config);
    problems.extend(settings.problems(issuer));
    problems
}

fn open_oidc(http: &UpstreamHttp, spec: &ConnectorSpec, ctx: &OpenContext) -> Opened {
    Ok(Arc::new(Oidc::open(http, spec, ctx)?))
}

#[cfg(test)]
mod tests;
