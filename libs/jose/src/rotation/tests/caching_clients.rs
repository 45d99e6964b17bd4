use super::*;

/// Relying parties that fetch the JWK Set only when their copy is `max_age` old, each at another
/// time of day, and verify one token per look and every token until it expires.
struct Clients {
    max_age: Duration,
    caches: Vec<(Timestamp, HashSet<KeyId>)>,
    alive: Vec<(KeyId, Timestamp)>,
}

impl Clients {
    fn new(count: u32, tenant: &Tenant, max_age: Duration) -> Self {
        let fetched = |n| START - (max_age / count) * n;
        let caches = (0..count).map(|n| (fetched(n), tenant.kids())).collect();
        Self {
            max_age,
            caches,
            alive: Vec::new(),
        }
    }

    fn look(&mut self, tenant: &Tenant, now: Timestamp) {
        let kids = tenant.kids();
        for alg in &tenant.policy.algs {
            let Ok(kid) = tenant.signer(*alg, now) else {
                continue;
            };
            self.alive.push((KeyId::new(kid), now + DAY));
        }
        self.alive.retain(|(_, expiry)| *expiry > now);
        self.alive.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                earlier.1 = later.1;
            }
            same
        });
        for (fetched, cache) in &mut self.caches {
            if now.since(*fetched) >= self.max_age {
                (*fetched, *cache) = (now, kids.clone());
            }
            for alg in &tenant.policy.algs {
                let Ok(kid) = tenant.signer(*alg, now) else {
                    continue;
                };
                assert!(
                    cache.contains(&KeyId::new(kid)),
                    "unknown kid {kid} at {now:?}"
                );
            }
        }
        for (kid, _) in &self.alive {
            assert!(
                kids.contains(kid),
                "{kid} left the set while its tokens lived, at {now:?}"
            );
        }
    }
}

#[test]
fn in_four_hundred_days_of_ticks_no_caching_client_meets_an_unknown_kid() {
    for (algs, tick) in [
        (&[Alg::EdDSA] as &[Alg], 10 * MINUTE),
        (&[Alg::ES256, Alg::EdDSA], 47 * MINUTE),
        (&[Alg::EdDSA], 13 * 60 * MINUTE),
    ] {
        let mut tenant = Tenant::new(algs);
        tenant.tick(START);
        let mut clients = Clients::new(12, &tenant, DAY);
        let mut now = START;
        while now.since(START) < 400 * DAY {
            tenant.tick(now);
            clients.look(&tenant, now);
            assert!(tenant.ring.keys().len() <= 3 * algs.len());
            now = now + tick;
        }
        let each = tenant.made as usize / algs.len();
        assert!((50..=58).contains(&each), "a key a week: {each}");
    }
}

/// Shows that the clients above would notice.
#[test]
#[should_panic(expected = "unknown kid")]
fn a_client_that_caches_longer_than_keys_are_announced_meets_an_unknown_kid() {
    let mut tenant = Tenant::new(&[Alg::EdDSA]);
    tenant.tick(START);
    let mut clients = Clients::new(12, &tenant, DAY + 3 * 60 * MINUTE);
    for minutes in 0..(10 * 24 * 60) {
        let now = START + minutes * MINUTE;
        tenant.tick(now);
        clients.look(&tenant, now);
    }
}

#[test]
fn whoever_wakes_only_when_told_rotates_just_as_well() {
    let mut tenant = Tenant::new(&[Alg::EdDSA]);
    let mut now = START;
    let (_, mut wake) = tenant.tick(now);
    let mut clients = Clients::new(12, &tenant, DAY);
    let mut wakings = 0;
    while now.since(START) < 400 * DAY {
        if now >= wake {
            (_, wake) = tenant.tick(now);
            wakings += 1;
        }
        clients.look(&tenant, now);
        now = now + 5 * MINUTE;
    }
    assert!(wakings <= 3 * 58, "three wakings a rotation: {wakings}");
}

#[test]
fn a_new_default_algorithm_is_announced_first_and_the_former_signs_meanwhile() {
    let mut tenant = Tenant::new(&[Alg::ES256]);
    tenant.tick(START);
    let mut clients = Clients::new(12, &tenant, DAY);
    let change = START + 3 * DAY;
    let mut now = START;
    while now.since(START) < 40 * DAY {
        if now == change {
            tenant.policy = policy(&[Alg::EdDSA]);
        }
        let (done, _) = tenant.tick(now);
        clients.look(&tenant, now);
        if now == change {
            assert_eq!(
                done,
                [RotationStep::Generate {
                    alg: Alg::EdDSA,
                    activate: false
                }]
            );
            assert_eq!(tenant.signer(Alg::EdDSA, now), Ok("ES256-1"));
        }
        now = now + 30 * MINUTE;
    }
    assert!(tenant.signer(Alg::EdDSA, now).unwrap().starts_with("EdDSA"));
    let stale = Err(KeysStale::NoActiveKey { alg: Alg::ES256 });
    assert_eq!(tenant.signer(Alg::ES256, now), stale);
    assert!(tenant.ring.keys().iter().all(|key| key.alg() == Alg::EdDSA));
}

#[test]
fn a_short_period_as_in_dex_announces_the_next_key_when_the_last_is_promoted() {
    let mut tenant = Tenant::new(&[Alg::EdDSA]);
    tenant.policy.rotation_period = Duration::from_hours(6);
    tenant.policy.publish_ahead = Duration::from_hours(8);
    tenant.tick(START);
    let mut clients = Clients::new(12, &tenant, Duration::from_hours(8));
    let mut now = START;
    while now.since(START) < 30 * DAY {
        tenant.tick(now);
        clients.look(&tenant, now);
        now = now + 5 * MINUTE;
    }
    assert!(
        (85..=95).contains(&tenant.made),
        "a key every eight hours: {}",
        tenant.made
    );
}
