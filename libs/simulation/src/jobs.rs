//! What the tenants of a node do by themselves, and what is promised of their keys.

use std::collections::BTreeSet;
use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use futures_util::FutureExt as _;
use insula_jose::{KeyRing, SealedKeyRing};
use insula_store::{Durable as _, SealedKeys};
use serde_json::Value;

use crate::agent::Request;
use crate::tenants::TENANTS;
use crate::truth::{Promise, Violation};
use crate::wire::CallEnd;
use crate::world::World;

/// How long a node may sign with a key after it was taken out of the stored ring: as long as a key
/// is published after it signed its last token.
const STALE_MS: u64 = 600_000;

impl World {
    /// Lets a job of a tenant go on to its next stop.
    pub(crate) fn work(&mut self, node: usize, tenant: usize, end: CallEnd) {
        let (wire, ms) = (Arc::clone(&self.wire), self.ms);
        let Some(of) = self
            .nodes
            .get_mut(node)
            .and_then(|n| n.tenants.get_mut(tenant))
        else {
            return;
        };
        wire.decide(end);
        of.poll();
        wire.decide(CallEnd::Succeeds);
        let traffic = wire.traffic();
        let has_read = |name| traffic.carried.contains(&name);
        // Who hears that the stored ring has the version it knows has read it as well.
        if has_read("load_keys") || has_read("key_versions") {
            of.keys_asked = Some(ms);
        }
        if !traffic.lost.is_empty() {
            of.keys_asked = None;
        }
        if of.jobs() == 0 && of.keys_asked.is_some() {
            of.keys_read = of.keys_asked;
        }
        let has_announced = of.take_announced();
        if has_read("swap_keys") {
            self.note_keys();
        }
        if has_announced && self.is_bus_up {
            let others = self.nodes.iter_mut().enumerate();
            for (_, other) in others.filter(|(number, _)| *number != node) {
                if let Some(hears) = other.tenants.get_mut(tenant) {
                    hears.keys_changed();
                }
            }
        }
    }

    /// The ring of a tenant, as it is stored.
    fn stored_ring(&self, tenant: usize) -> Option<KeyRing> {
        let id = &self.configuration.specs.get(tenant)?.id;
        let store = self.durable.tenant(id);
        let SealedKeys { sealed, .. } = store.load_keys().now_or_never()?.ok()??;
        SealedKeyRing::open(&sealed, &self.configuration.master_key, id.as_str()).ok()
    }

    /// Notes which keys are stored now, and which no longer are.
    fn note_keys(&mut self) {
        let rings = (0..TENANTS).filter_map(|tenant| self.stored_ring(tenant));
        let stored: BTreeSet<_> = rings
            .flat_map(|ring| {
                let kids = ring.keys().iter().map(|key| key.kid().as_str().to_owned());
                kids.collect::<Vec<_>>()
            })
            .collect();
        let excused = self.clock_trouble.map(|_| self.ms);
        for kid in self.known_keys.keys() {
            if stored.contains(kid) {
                self.dropped_keys.remove(kid);
            } else {
                self.dropped_keys.entry(kid.clone()).or_insert(excused);
            }
        }
        for kid in stored {
            self.known_keys.entry(kid).or_insert(self.ms);
        }
    }

    /// Whether a token that was just given is signed by a key that everybody can learn.
    pub(crate) fn judge_key(
        &self,
        number: usize,
        request: &Request,
        token: &str,
    ) -> Result<(), Violation> {
        let Some(tenant) = self.agents.get(number).map(|agent| agent.tenant) else {
            return Ok(());
        };
        let read = request.keys_read;
        let is_fresh = read.is_some_and(|read| self.ms - read < STALE_MS);
        let kid = kid_of(token);
        let ring = self.stored_ring(tenant);
        let is_stored = ring.is_some_and(|ring| {
            let mut keys = ring.keys().iter();
            keys.any(|key| Some(key.kid().as_str()) == kid.as_deref())
        });
        // A node whose clock is hours ahead drops keys that others still sign with, until they have
        // read the ring again.
        let dropped = kid.as_ref().and_then(|kid| self.dropped_keys.get(kid));
        let is_excused = dropped
            .copied()
            .flatten()
            .zip(read)
            .is_some_and(|(dropped, read)| read <= dropped);
        if is_stored || !is_fresh || is_excused {
            return Ok(());
        }
        let what = format!("a token is signed with the key {kid:?}, which is not stored");
        Err(Promise::KeyKnown.broken(what))
    }

    /// Whether the node of a request had read the keys since that of a shown token was stored.
    pub(crate) fn is_key_there(&self, request: &Request, token: &str) -> bool {
        let stored = kid_of(token).and_then(|kid| self.known_keys.get(&kid).copied());
        stored
            .zip(request.keys_read)
            .is_some_and(|(stored, read)| stored < read)
    }
}

/// The name of the key a token is signed with.
fn kid_of(token: &str) -> Option<String> {
    let header = token.split('.').next()?;
    let json = BASE64URL_NOPAD.decode(header.as_bytes()).ok()?;
    let header: Value = serde_json::from_slice(&json).ok()?;
    Some(header.get("kid")?.as_str()?.to_owned())
}
