use std::sync::Arc;
use std::time::Duration;

use insula_ambient::Timestamp;

use crate::{Alg, KeyId, KeyRing, KeysStale, Phase, RingKey, SigningKey};

const LONG_AGO: Timestamp = Timestamp::from_millis(i64::MIN);
const HOUR: Duration = Duration::from_hours(1);

/// When keys of a tenant change.
///
/// A client that caches the JWK Set never meets an unknown `kid` if `publish_ahead` is at least
/// the advertised `max-age`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationPolicy {
    /// Which algorithms sign. The first is the default.
    pub algs: Vec<Alg>,
    /// How long a key signs before the next takes over.
    pub rotation_period: Duration,
    /// How long a key is published before it signs.
    pub publish_ahead: Duration,
    /// How long it stays published after: the longest life of a token plus the cache time. It is longer
    /// where a token was ever to live longer.
    pub keep_retired_for: Duration,
    /// How long a token lives at most.
    pub longest_token_life: Duration,
    /// After this long as the active key it signs no more, even if no successor came.
    pub hard_end_after: Duration,
}

impl Default for RotationPolicy {
    /// ES256, a new key every thirty days, announced a day before, kept two days after; tokens of a day.
    fn default() -> Self {
        Self {
            algs: vec![Alg::ES256],
            rotation_period: 30 * 24 * HOUR,
            publish_ahead: 24 * HOUR,
            keep_retired_for: 48 * HOUR,
            longest_token_life: 24 * HOUR,
            hard_end_after: 60 * 24 * HOUR,
        }
    }
}

/// What a ring needs now, and when to ask again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationPlan {
    /// To be done now.
    pub step: RotationStep,
    /// When to ask again: at once after a step, else at the next date in the life of a key.
    pub next_at: Timestamp,
}

/// What a plan minds beside the dates of keys.
#[derive(Debug, Clone, Copy, Default)]
pub struct Demand<'a> {
    /// The promised algorithms that somebody asks for.
    pub asked: &'a [Alg],
    /// Somebody waits for the ring: keys that are slow to make and would only be announced are left
    /// for the next look, which is due at once.
    pub in_a_hurry: bool,
}

/// From when on an algorithm signs ([`KeyRing::readiness`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// A key of it signs, or does as soon as somebody asks for one.
    Now,
    /// Its key is announced, and signs from then on.
    At(Timestamp),
    /// It has no key: this long after one is announced.
    OnceAnnounced(Duration),
}

/// One change of a ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RotationStep {
    /// All is as it should be.
    Nothing,
    /// Make a key, then [`KeyRing::with_active`] if `activate`, else [`KeyRing::with_announced`].
    Generate {
        /// For this algorithm.
        alg: Alg,
        /// Whether it must sign at once, because no other can.
        activate: bool,
    },
    /// Make a key of this algorithm when it is asked for: [`KeyRing::promising`].
    Promise {
        /// The algorithm.
        alg: Alg,
    },
    /// Promise it no more, because the policy dropped it: [`KeyRing::not_promising`].
    Withdraw {
        /// The algorithm.
        alg: Alg,
    },
    /// Remember that tokens live as long as the policy has it: [`KeyRing::noting_token_life`].
    NoteTokenLife,
    /// Let this announced key sign: [`KeyRing::promoted`].
    Promote {
        /// The key.
        kid: KeyId,
    },
    /// Drop this key: [`KeyRing::without`].
    Retire {
        /// The key.
        kid: KeyId,
    },
}

impl KeyRing {
    /// What to do now. Pure: the caller makes the key, swaps the successor in, and asks again.
    ///
    /// - A key is announced `publish_ahead` before it signs, however late we are: after a long
    ///   sleep the old key signs on until the new one was announced long enough.
    /// - Only when no key can sign does a new one sign at once: in an empty ring, or past the hard
    ///   end. The keys of the other algorithms of a new ring may do so too, if they are planned at
    ///   the very `now` at which the first became active: nobody has seen the ring before.
    /// - A key that is slow to make is promised in a ring that nobody has seen, and made when it is
    ///   asked for ([`Demand`]); it signs at once then, because the JWK Set was not handed out before.
    /// - An algorithm new in the policy is announced first; the former default signs meanwhile.
    /// - Keys of an algorithm the policy dropped retire when the default's next key is promoted,
    ///   and go at the latest when no token of theirs can be alive.
    pub fn plan(&self, now: Timestamp, policy: &RotationPolicy) -> RotationPlan {
        self.plan_for(Demand::default(), now, policy)
    }

    /// The same, where somebody asks for keys or waits for the ring.
    pub fn plan_for(
        &self,
        demand: Demand<'_>,
        now: Timestamp,
        policy: &RotationPolicy,
    ) -> RotationPlan {
        let mut next_at = Timestamp::NEVER;
        let dropped = self
            .promised
            .iter()
            .filter(|alg| !policy.algs.contains(alg));
        let withdrawn = dropped.map(|alg| (LONG_AGO, RotationStep::Withdraw { alg: *alg }));
        let goodbyes = self.keys.iter().filter_map(|key| {
            let step = RotationStep::Retire {
                kid: key.kid().clone(),
            };
            Some((self.drop_at(key, policy)?, step))
        });
        // Without a key nothing was signed, and the first key brings it along.
        let is_longer = policy.longest_token_life > self.longest_token_life;
        let is_noted_now = is_longer && !self.keys.is_empty();
        let noted = is_noted_now.then_some((LONG_AGO, RotationStep::NoteTokenLife));
        let successions = policy
            .algs
            .iter()
            .map(|alg| self.succession(*alg, demand, now, policy));
        for (due, step) in successions.chain(goodbyes).chain(withdrawn).chain(noted) {
            if due <= now && !(demand.in_a_hurry && step.can_wait()) {
                return RotationPlan { step, next_at: now };
            }
            next_at = next_at.min(due.max(now));
        }
        RotationPlan {
            step: RotationStep::Nothing,
            next_at,
        }
    }

    /// The next step in the succession of one algorithm, and when it is due.
    fn succession(
        &self,
        alg: Alg,
        demand: Demand<'_>,
        now: Timestamp,
        policy: &RotationPolicy,
    ) -> (Timestamp, RotationStep) {
        match (self.active(alg), self.announced(alg)) {
            (Some(active), Some((next, announced))) => {
                let published = announced + policy.publish_ahead;
                let served = active.entered() + policy.rotation_period;
                let due = published.max(served).min(active.hard_end(policy));
                (
                    due,
                    RotationStep::Promote {
                        kid: next.kid().clone(),
                    },
                )
            }
            (Some(active), None) => {
                let ahead = policy.rotation_period.saturating_sub(policy.publish_ahead);
                let due = (active.entered() + ahead).min(active.hard_end(policy));
                let activate = now >= active.hard_end(policy);
                (due, RotationStep::Generate { alg, activate })
            }
            (None, Some((next, announced))) => {
                let published = announced + policy.publish_ahead;
                let due = published.min(self.last_hard_end(policy));
                (
                    due,
                    RotationStep::Promote {
                        kid: next.kid().clone(),
                    },
                )
            }
            (None, None) if self.promised.contains(&alg) => {
                let is_asked = demand.asked.contains(&alg);
                let due = if is_asked { LONG_AGO } else { Timestamp::NEVER };
                let activate = true;
                (due, RotationStep::Generate { alg, activate })
            }
            (None, None) if alg.is_slow_to_make() && self.is_newborn(now) => {
                (LONG_AGO, RotationStep::Promise { alg })
            }
            (None, None) => {
                let activate = now >= self.last_hard_end(policy) || self.is_newborn(now);
                (LONG_AGO, RotationStep::Generate { alg, activate })
            }
        }
    }

    /// The key that may sign for `alg` now.
    ///
    /// While a policy's new default algorithm is still being announced, the former default
    /// answers for it. A key past its hard end signs nothing: relying parties were promised that
    /// keys change.
    pub fn signing_key_at(
        &self,
        alg: Alg,
        now: Timestamp,
        policy: &RotationPolicy,
    ) -> Result<&Arc<SigningKey>, KeysStale> {
        if self.promised.contains(&alg) {
            return Err(KeysStale::NotMade { alg });
        }
        let own = self.active(alg);
        let former = || {
            policy
                .algs
                .first()
                .filter(|default| **default == alg)
                .and(self.freshest())
        };
        let active = own.or_else(former).ok_or(KeysStale::NoActiveKey { alg })?;
        let ended = active.hard_end(policy);
        if now >= ended {
            return Err(KeysStale::PastHardEnd {
                alg,
                kid: active.kid().clone(),
                ended,
            });
        }
        active
            .signing
            .as_ref()
            .ok_or(KeysStale::NoActiveKey { alg })
    }

    /// The key that signs fastest now, for tokens that only we verify.
    pub fn fastest_key_at(
        &self,
        now: Timestamp,
        policy: &RotationPolicy,
    ) -> Result<&Arc<SigningKey>, KeysStale> {
        let configured = Alg::BY_SPEED.iter().filter(|alg| policy.algs.contains(alg));
        let mut signing = configured.filter_map(|alg| self.active(*alg));
        let fastest = signing.find(|key| now < key.hard_end(policy));
        let key = fastest.and_then(|key| key.signing.as_ref());
        key.ok_or(KeysStale::NoActiveKey { alg: Alg::ES256 })
    }

    /// From when on `alg` signs, under a policy that this ring may not have been planned by yet.
    pub fn readiness(&self, alg: Alg, policy: &RotationPolicy) -> Readiness {
        let is_ready = self.keys.is_empty() || self.promised.contains(&alg);
        if is_ready || self.active(alg).is_some() {
            return Readiness::Now;
        }
        match self.signs_from(alg, policy) {
            Some(at) => Readiness::At(at),
            None => Readiness::OnceAnnounced(policy.publish_ahead),
        }
    }

    /// Since when the announced key of an algorithm that has no active one will sign, while another
    /// stands in for it.
    pub fn signs_from(&self, alg: Alg, policy: &RotationPolicy) -> Option<Timestamp> {
        let (_, announced) = self.announced(alg).filter(|_| self.active(alg).is_none())?;
        Some((announced + policy.publish_ahead).min(self.last_hard_end(policy)))
    }

    /// The successor that promises a key of `alg`.
    pub fn promising(&self, alg: Alg) -> Self {
        let mut ring = self.not_promising(alg);
        ring.promised.push(alg);
        ring
    }

    /// The successor that promises no key of `alg`.
    pub fn not_promising(&self, alg: Alg) -> Self {
        let mut ring = self.succeeded_by(self.keys.clone());
        ring.promised.retain(|promised| *promised != alg);
        ring
    }

    /// The successor that remembers tokens as long as those of `policy`, if it knows of none that were
    /// to live longer.
    pub fn noting_token_life(&self, policy: &RotationPolicy) -> Self {
        let mut ring = self.succeeded_by(self.keys.clone());
        ring.learn_token_life(policy);
        ring
    }

    /// The successor in which `key` is published but does not sign yet.
    pub fn with_announced(&self, key: impl Into<Arc<SigningKey>>, now: Timestamp) -> Self {
        self.with_key(key.into(), Phase::Announced { since: now })
    }

    /// The successor in which `key` signs from now on, unannounced.
    pub fn with_active(
        &self,
        key: impl Into<Arc<SigningKey>>,
        now: Timestamp,
        policy: &RotationPolicy,
    ) -> Self {
        let key = key.into();
        let kid = key.kid().clone();
        let announced = self.with_key(key, Phase::Announced { since: now });
        // One change, one version.
        let mut ring = announced.promoted(&kid, now, policy);
        ring.version = announced.version;
        ring.learn_token_life(policy);
        ring
    }

    /// The successor in which the announced key `kid` signs, and its predecessor retires and
    /// loses its private half. The ring as it is if there is no such key.
    pub fn promoted(&self, kid: &KeyId, now: Timestamp, policy: &RotationPolicy) -> Self {
        let is_announced = |key: &&RingKey| matches!(key.phase, Phase::Announced { .. });
        let Some(next) = self
            .keys
            .iter()
            .filter(is_announced)
            .find(|key| key.kid() == kid)
        else {
            return self.clone();
        };
        let default = policy.algs.first().copied();
        let default_signs =
            default.is_none_or(|alg| alg == next.alg() || self.active(alg).is_some());
        let retires = |key: &RingKey| {
            let dropped = default_signs && !policy.algs.contains(&key.alg());
            matches!(key.phase, Phase::Active { .. }) && (key.alg() == next.alg() || dropped)
        };
        let keys = self.keys.iter().map(|key| {
            if key.kid() == kid {
                return RingKey {
                    phase: Phase::Active { since: now },
                    ..key.clone()
                };
            }
            if !retires(key) {
                return key.clone();
            }
            let phase = Phase::Retiring {
                since: now,
                until: now + self.keep_retired_for(policy),
            };
            RingKey {
                phase,
                public: Arc::clone(&key.public),
                signing: None,
            }
        });
        self.succeeded_by(keys.collect())
    }

    /// The successor without the key `kid`; the ring as it is if there is no such key.
    pub fn without(&self, kid: &KeyId) -> Self {
        let keys: Vec<_> = self
            .keys
            .iter()
            .filter(|key| key.kid() != kid)
            .cloned()
            .collect();
        if keys.len() == self.keys.len() {
            self.clone()
        } else {
            self.succeeded_by(keys)
        }
    }

    fn with_key(&self, key: Arc<SigningKey>, phase: Phase) -> Self {
        let alg = key.alg();
        // Two keys of one name could not be told apart by a client.
        let mut keys: Vec<_> = self
            .keys
            .iter()
            .filter(|k| k.kid() != key.kid())
            .cloned()
            .collect();
        keys.push(RingKey {
            phase,
            public: Arc::clone(key.public()),
            signing: Some(key),
        });
        let mut ring = self.succeeded_by(keys);
        ring.promised.retain(|promised| *promised != alg);
        ring
    }

    fn succeeded_by(&self, keys: Vec<RingKey>) -> Self {
        let version = self.version.saturating_add(1);
        Self::assembled(
            version,
            self.secret.clone(),
            keys,
            self.promised.clone(),
            self.longest_token_life,
        )
    }

    fn learn_token_life(&mut self, policy: &RotationPolicy) {
        self.longest_token_life = self.longest_token_life.max(policy.longest_token_life);
    }

    /// How long a retired key stays: by so much longer than the policy has it as tokens ever lived longer.
    fn keep_retired_for(&self, policy: &RotationPolicy) -> Duration {
        let longer = self
            .longest_token_life
            .saturating_sub(policy.longest_token_life);
        policy.keep_retired_for.saturating_add(longer)
    }

    /// When a key can leave the ring; `None` while its end is not known.
    fn drop_at(&self, key: &RingKey, policy: &RotationPolicy) -> Option<Timestamp> {
        let wanted = policy.algs.contains(&key.alg());
        match key.phase {
            Phase::Retiring { until, .. } => Some(until),
            // It never signed, and never will.
            Phase::Announced { since } => (!wanted).then_some(since),
            Phase::Active { .. } => {
                (!wanted).then(|| key.hard_end(policy) + self.keep_retired_for(policy))
            }
        }
    }

    /// The longest announced key of an algorithm.
    fn announced(&self, alg: Alg) -> Option<(&RingKey, Timestamp)> {
        let announced = self
            .keys
            .iter()
            .filter(|key| key.alg() == alg)
            .filter_map(|key| {
                let Phase::Announced { since } = key.phase else {
                    return None;
                };
                Some((key, since))
            });
        announced.min_by_key(|(_, since)| *since)
    }

    fn actives(&self) -> impl Iterator<Item = &RingKey> {
        self.keys
            .iter()
            .filter(|key| matches!(key.phase, Phase::Active { .. }))
    }

    fn freshest(&self) -> Option<&RingKey> {
        self.actives().max_by_key(|key| key.entered())
    }

    /// When the last active key of whatever algorithm stops signing; long ago if there is none.
    fn last_hard_end(&self, policy: &RotationPolicy) -> Timestamp {
        let ends = self.actives().map(|key| key.hard_end(policy));
        ends.max().unwrap_or(LONG_AGO)
    }

    /// Whether all there is became active at this very instant, so that nobody can have seen it.
    fn is_newborn(&self, now: Timestamp) -> bool {
        self.keys
            .iter()
            .all(|key| key.phase == Phase::Active { since: now })
    }
}

impl RotationStep {
    /// Whether it may as well be taken a moment later, when nobody waits for it.
    const fn can_wait(&self) -> bool {
        matches!(self, Self::Generate { alg, activate: false } if alg.is_slow_to_make())
    }
}

impl RingKey {
    /// When it entered its phase.
    fn entered(&self) -> Timestamp {
        match self.phase {
            Phase::Announced { since }
            | Phase::Active { since }
            | Phase::Retiring { since, .. } => since,
        }
    }

    fn hard_end(&self, policy: &RotationPolicy) -> Timestamp {
        self.entered() + policy.hard_end_after
    }
}

#[cfg(test)]
mod tests;
