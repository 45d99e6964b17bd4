use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use insula_ambient::Timestamp;
use insula_jose::{
    Alg, KeyId, KeyRing, Phase, RingKey, RotationPolicy, RotationStep, SealedKeyRing, SigningKey,
};
use insula_model::{Event, EventId, EventKind, TenantId, TenantSpec};
use insula_store::{KeySwap, SealedKeys, TenantStore};

use crate::runtime::Runtime;
use crate::tenant::life::{Job, JobError};

/// What clocks and caches may add to a time.
const SLACK: Duration = Duration::from_mins(10);

/// The keys of a tenant: as they are stored, and as they shall be.
#[derive(Default)]
pub(crate) struct Keys {
    stored: Option<Stored>,
    /// Grows step by step, and is swapped in once.
    draft: Option<KeyRing>,
}

#[derive(Clone)]
pub(crate) struct Stored {
    version: u64,
    ring: Arc<KeyRing>,
}

impl Stored {
    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    pub(crate) const fn ring(&self) -> &Arc<KeyRing> {
        &self.ring
    }
}

impl Keys {
    /// What is published.
    pub(crate) fn stored(&self) -> Option<Stored> {
        self.stored.clone()
    }

    pub(crate) fn can_sign(&self) -> bool {
        let is_active = |key: &RingKey| matches!(key.phase(), Phase::Active { .. });
        let stored = self.stored.as_ref();
        stored.is_some_and(|stored| {
            // A promised key is made when it is asked for.
            !stored.ring.promised().is_empty() || stored.ring.keys().iter().any(is_active)
        })
    }

    /// Takes over what is stored; answers whether it is another ring than before.
    pub(crate) fn take(&mut self, stored: Option<Stored>) -> bool {
        let version = |stored: &Option<Stored>| stored.as_ref().map(|stored| stored.version);
        let is_new = version(&self.stored) != version(&stored);
        self.stored = stored;
        self.draft = None;
        is_new
    }

    pub(crate) fn forget_draft(&mut self) {
        self.draft = None;
    }

    /// The ring as it shall be; a first one is made here.
    pub(crate) fn draft(&mut self, runtime: &Runtime) -> &mut KeyRing {
        let stored = self.stored.as_ref();
        self.draft.get_or_insert_with(|| match stored {
            Some(stored) => KeyRing::clone(&stored.ring),
            None => KeyRing::empty(&*runtime.deps.entropy),
        })
    }
}

/// The rotation a tenant's configuration asks for. Keys are announced for at least as long as
/// clients may keep a JWK Set, and stay until the last token they signed is dead and out of caches.
pub fn rotation_policy(
    spec: &TenantSpec,
    jwks_max_age: Duration,
) -> Result<RotationPolicy, Vec<String>> {
    let mut problems = Vec::new();
    let mut algs = Vec::new();
    for name in &spec.signer.algorithms {
        match Alg::from_str(name) {
            Ok(alg) if !algs.contains(&alg) => algs.push(alg),
            Ok(_) => {}
            Err(error) => problems.push(format!("signer: {error}")),
        }
    }
    if algs.is_empty() && problems.is_empty() {
        problems.push("signer: no algorithm is named; name ES256 or RS256".to_owned());
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let rotation_period = spec.signer.rotation_period;
    let publish_ahead = spec.signer.publish_ahead.max(jwks_max_age);
    let longest_token = spec.expiry.id_tokens.max(spec.expiry.access_tokens);
    let in_time = rotation_period.max(publish_ahead);
    Ok(RotationPolicy {
        algs,
        rotation_period: in_time,
        publish_ahead,
        keep_retired_for: longest_token + jwks_max_age + SLACK,
        longest_token_life: longest_token,
        hard_end_after: in_time.saturating_mul(2),
    })
}

/// Reads the stored ring. `known` is answered as it is if nothing changed.
pub(crate) async fn load(
    runtime: &Runtime,
    id: &TenantId,
    store: &dyn TenantStore,
    known: Option<Stored>,
) -> Result<Option<Stored>, JobError> {
    let loaded = store.load_keys().await.map_err(|error| JobError {
        job: Job::Keys,
        text: format!("the key ring of tenant {id} cannot be loaded: {error}"),
        out_of_reach: true,
    })?;
    let own_fault = |text| JobError {
        job: Job::Keys,
        text,
        out_of_reach: false,
    };
    let Some(SealedKeys { version, sealed }) = loaded else {
        // A ring is never thrown away: a new one would sign what nobody can verify.
        return match known {
            None => Ok(None),
            Some(_) => Err(own_fault(format!(
                "the stored key ring of tenant {id} is gone; the one in memory serves on"
            ))),
        };
    };
    if let Some(known) = known.filter(|known| known.version == version) {
        return Ok(Some(known));
    }
    let master = &runtime.deps.master_key;
    let opened = SealedKeyRing::open_parking(&sealed, master, id.as_str(), &runtime.rsa_keys);
    let ring = opened.map_err(|error| {
        own_fault(format!(
            "the key ring of tenant {id} cannot be used: {error}; start with the master key it was \
             sealed under"
        ))
    })?;
    Ok(Some(Stored {
        version,
        ring: Arc::new(ring),
    }))
}

/// Takes a key that was made ahead, or makes one, on the blocking pool. Of those that are slow to make a
/// few are made at once; who would wait long for a turn tries again later, for an actor takes no other
/// change meanwhile.
pub(crate) async fn make_key(runtime: &Arc<Runtime>, alg: Alg) -> Result<SigningKey, JobError> {
    let failed = |text: String| JobError {
        job: Job::NewKey,
        text,
        out_of_reach: false,
    };
    if let Some(spare) = runtime.spare_keys.take(alg, runtime) {
        let parked = spare.parked(&runtime.rsa_keys);
        return parked.map_err(|error| failed(error.to_string()));
    }
    let patience = runtime.options.io_timeout;
    let _turn = if alg.is_slow_to_make() {
        let turn = tokio::time::timeout(patience, runtime.key_making.acquire()).await;
        Some(turn.map_err(|_| failed(format!("too many {alg} keys are being made")))?)
    } else {
        None
    };
    let kid = KeyId::random(&*runtime.deps.entropy);
    let made = tokio::task::spawn_blocking(move || SigningKey::generate(alg, kid)).await;
    let made = made.map_err(|error| failed(format!("no {alg} key could be made: {error}")))?;
    let parked = made.and_then(|key| key.parked(&runtime.rsa_keys));
    parked.map_err(|error| failed(error.to_string()))
}

/// The ring with one planned change more.
pub(crate) fn changed(
    ring: &KeyRing,
    step: &RotationStep,
    at: Timestamp,
    policy: &RotationPolicy,
) -> KeyRing {
    match step {
        RotationStep::Promise { alg } => ring.promising(*alg),
        RotationStep::Withdraw { alg } => ring.not_promising(*alg),
        RotationStep::NoteTokenLife => ring.noting_token_life(policy),
        RotationStep::Promote { kid } => ring.promoted(kid, at, policy),
        RotationStep::Retire { kid } => ring.without(kid),
        RotationStep::Nothing | RotationStep::Generate { .. } => ring.clone(),
    }
}

/// Stores `ring` in the place of `known`, if that is still what is stored. `None`: it is not.
pub(crate) async fn swap(
    runtime: &Runtime,
    id: &TenantId,
    store: &dyn TenantStore,
    known: Option<Stored>,
    ring: KeyRing,
) -> Result<Option<Stored>, JobError> {
    let failed = |text: String, out_of_reach| JobError {
        job: Job::Swap,
        text: format!("the new key ring of tenant {id} cannot be stored: {text}"),
        out_of_reach,
    };
    let deps = &runtime.deps;
    let sealed = SealedKeyRing::seal(&ring, &deps.master_key, id.as_str(), &*deps.entropy);
    let before = known.as_ref().map(|known| &*known.ring);
    let events = told(before, &ring).into_iter().map(|kind| Event {
        id: EventId::generate(&*deps.entropy),
        at: runtime.now(),
        kind,
    });
    let events: Vec<_> = events.collect();
    let expected = known.map(|known| known.version);
    let new = SealedKeys {
        version: ring
            .version()
            .max(expected.map_or(1, |version| version + 1)),
        sealed: sealed.map_err(|error| failed(error.to_string(), false))?,
    };
    let swapped = store.swap_keys(expected, &new, &events).await;
    match swapped.map_err(|error| failed(error.to_string(), true))? {
        KeySwap::Swapped => Ok(Some(Stored {
            version: new.version,
            ring: Arc::new(ring),
        })),
        KeySwap::Lost => Ok(None),
    }
}

/// What became of the keys from one ring to the next.
fn told(before: Option<&KeyRing>, ring: &KeyRing) -> Vec<EventKind> {
    let of = |ring: &KeyRing, kid: &KeyId| {
        let known = ring.keys().iter().find(|key| key.kid() == kid);
        known.map(RingKey::phase)
    };
    let mut told = Vec::new();
    for published in ring.keys() {
        let (key, alg) = (published.kid().to_string(), published.alg().to_string());
        let was = before.and_then(|before| of(before, published.kid()));
        match (was, published.phase()) {
            (None, Phase::Announced { .. }) => told.push(EventKind::KeyAnnounced { key, alg }),
            (None | Some(Phase::Announced { .. }), Phase::Active { .. }) => {
                told.push(EventKind::KeyPromoted { key, alg });
            }
            _ => {}
        }
    }
    let gone = before.into_iter().flat_map(KeyRing::keys);
    for key in gone.filter(|key| of(ring, key.kid()).is_none()) {
        let key = key.kid().to_string();
        told.push(EventKind::KeyRetired { key });
    }
    told
}
