use std::sync::Arc;

use bytes::Bytes;
use insula_ambient::Timestamp;
use insula_engine::discovery;
use insula_flows::TenantView;
use insula_jose::{Alg, KeyRing, KeysStale, RotationPolicy};
use insula_model::{Issuer, Rules, TenantDocument, TenantId, TenantSpec};
use insula_theming::{Theme, theme_request};

use crate::runtime::Runtime;
use crate::tenant::connectors::Opened;
use crate::tenant::life::{Job, JobError};
use crate::tenant::owner;
use crate::tenant::rotation::{self, Stored};
use crate::tenant::stores::OwnStores;
use crate::{LoadedSpec, TenantSnapshot, last_good};

/// A configuration as it was read, and what follows from it alone.
#[derive(Clone)]
pub(crate) struct Configured {
    pub(crate) spec: Arc<TenantSpec>,
    pub(crate) rotation: Arc<RotationPolicy>,
    fingerprint: Arc<str>,
    /// What is to be kept as the last good document once it is served.
    pub(crate) document: Option<Arc<TenantDocument>>,
    /// What is wrong with the configuration that should have been loaded in its stead.
    pub(crate) instead_of: Option<String>,
}

/// All a snapshot needs but the keys.
#[derive(Clone)]
pub(crate) struct LoadedTenant {
    pub(crate) configured: Configured,
    pub(crate) opened: Opened,
    pub(crate) theme: Arc<Theme>,
}

impl Configured {
    /// Loads the configuration. A tenant that has nothing to serve on (no `served` issuer) wakes on
    /// the last good one where the present one is bad.
    pub(crate) async fn load(
        runtime: &Runtime,
        id: &TenantId,
        served: Option<&Issuer>,
    ) -> Result<Self, JobError> {
        let (loaded, instead_of) = match runtime.deps.specs.load(id).await {
            Ok(loaded) => (loaded, None),
            Err(error) => {
                let error = refused(id, &error.0);
                if served.is_some() {
                    return Err(error);
                }
                match last_good::recall(runtime, id).await {
                    Ok(Some(loaded)) => (loaded, Some(error.text)),
                    Ok(None) => return Err(error),
                    Err(trouble) => {
                        let text = format!("{}\n{trouble}", error.text);
                        return Err(JobError { text, ..error });
                    }
                }
            }
        };
        if served != Some(&loaded.spec.issuer) {
            owner::must_be(runtime, id, &loaded.spec.issuer).await?;
        }
        Self::of(runtime, id, loaded, instead_of)
    }

    fn of(
        runtime: &Runtime,
        id: &TenantId,
        loaded: LoadedSpec,
        instead_of: Option<String>,
    ) -> Result<Self, JobError> {
        if loaded.spec.id != *id {
            let other = &loaded.spec.id;
            return Err(refused(
                id,
                &[format!("its configuration is that of {other}")],
            ));
        }
        let rotation = rotation::rotation_policy(&loaded.spec, runtime.options.jwks_max_age);
        Ok(Self {
            spec: loaded.spec,
            rotation: Arc::new(rotation.map_err(|problems| refused(id, &problems))?),
            fingerprint: loaded.fingerprint.into(),
            document: loaded
                .document
                .filter(|_| instead_of.is_none())
                .map(Arc::new),
            instead_of,
        })
    }

    /// Compiles the theme; blocks on the file system where the tenant has a folder of its own.
    pub(crate) fn theme(&self, runtime: &Runtime) -> Result<Arc<Theme>, JobError> {
        let id = &self.spec.id;
        let refused = |problems: &[String]| JobError {
            job: Job::Theme,
            text: format!(
                "the pages of tenant {id} cannot be made: {}",
                problems.join("\n")
            ),
            out_of_reach: false,
        };
        let request = theme_request(&self.spec).map_err(|problems| refused(&problems))?;
        let theme = runtime.deps.themes.theme(&request);
        theme.map_err(|error| refused(&[error.to_string()]))
    }
}

fn refused(id: &TenantId, problems: &[String]) -> JobError {
    JobError {
        job: Job::Spec,
        text: format!("tenant {id} cannot be loaded: {}", problems.join("\n")),
        out_of_reach: false,
    }
}

impl LoadedTenant {
    /// Puts everything together for readers.
    pub(crate) fn snapshot(
        &self,
        runtime: &Runtime,
        stores: &OwnStores,
        keys: &Stored,
        generation: u64,
        epoch: u64,
        now: Timestamp,
    ) -> Result<TenantSnapshot, serde_json::Error> {
        let Configured {
            spec,
            rotation,
            fingerprint,
            ..
        } = &self.configured;
        let (keys, keys_version) = (Arc::clone(keys.ring()), keys.version());
        let signing = signing(&keys, rotation, now);
        // Stored clients are not counted: the document would change with each of them.
        let request_objects =
            discovery::request_object_algs(spec.clients.values().map(AsRef::as_ref));
        let metadata = discovery::metadata(spec, &signing, request_objects);
        let discovery = json(&metadata, &spec.rules)?;
        Ok(TenantSnapshot {
            discovery: runtime.discovery.share(&discovery, spec.issuer.as_str()),
            jwks_json: if spec.rules.indents_documents {
                let jwks: serde_json::Value = serde_json::from_str(&keys.jwks_json())?;
                exact(json(&jwks, &spec.rules)?)
            } else {
                exact(keys.jwks_json())
            },
            jwks_max_age: runtime.options.jwks_max_age,
            theme: Arc::clone(&self.theme),
            generation,
            epoch,
            keys_version,
            fingerprint: Arc::clone(fingerprint),
            view: TenantView {
                keys,
                spec: Arc::clone(spec),
                rotation: Arc::clone(rotation),
                connectors: Arc::clone(&self.opened.connectors),
                effects: stores.effects(runtime),
            },
        })
    }
}

/// A document in the tenant's layout.
fn json(document: &impl serde::Serialize, rules: &Rules) -> serde_json::Result<String> {
    if rules.indents_documents {
        serde_json::to_string_pretty(document)
    } else {
        serde_json::to_string(document)
    }
}

/// The bytes without the room they grew in: each awake tenant holds them.
fn exact(text: String) -> Bytes {
    text.into_bytes().into_boxed_slice().into()
}

/// The algorithms whose keys sign now or are made when they are asked for, the default first. While a new default is being announced,
/// the former one stands in for it.
fn signing(keys: &KeyRing, policy: &RotationPolicy, now: Timestamp) -> Vec<Alg> {
    let mut signing = Vec::new();
    for alg in &policy.algs {
        let signs = keys.signing_key_at(*alg, now, policy);
        let signs = match signs {
            Ok(key) => Some(key.alg()),
            Err(KeysStale::NotMade { alg }) => Some(alg),
            Err(_) => None,
        };
        if let Some(alg) = signs
            && !signing.contains(&alg)
        {
            signing.push(alg);
        }
    }
    signing
}
