//! What a tenant's actor asks its key ring, and what reading a ring costs.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot begin should stop at once"
)]

use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use insula_ambient::SystemEntropy;
use insula_engine::Peers;
use insula_engine::grants::{CodeFacts, code_plan};
use insula_engine::issue::{Keys, issue};
use insula_engine::token_plan::Asker;
use insula_jose::{Alg, Expected, KeyId, KeyRing, RotationPolicy, SigningKey};
use insula_testkit::{NOW, a_client, a_code_grant, a_tenant, test_keys, test_rotation};

const DAY: Duration = Duration::from_hours(24);

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let mut group = criterion.benchmark_group("rotation");
    let (ring, policy) = (test_keys(), test_rotation());
    group.bench_function("plan, nothing due", |b| {
        b.iter(|| black_box(&ring).plan(NOW + DAY, &policy));
    });
    group.bench_function("plan, a key is due", |b| {
        b.iter(|| black_box(&ring).plan(NOW + 29 * DAY, &policy));
    });
    let old = grown();
    group.bench_function("plan, one active and three retired keys", |b| {
        b.iter(|| black_box(&old).plan(NOW + 2 * DAY, &RotationPolicy::default()));
    });
    group.bench_function("the key that signs now", |b| {
        b.iter(|| {
            let key = black_box(&ring).signing_key_at(Alg::ES256, NOW + DAY, &policy);
            key.is_ok()
        });
    });
    for alg in [Alg::RS256, Alg::ES256, Alg::EdDSA] {
        let key = ring.signing_key(alg).expect("the ring has this key");
        let spec = a_tenant().build();
        let grant = a_code_grant();
        let (client, peers) = (a_client().build(), Peers::default());
        let facts = CodeFacts {
            spec: &spec,
            keys: &ring,
            grant: &grant,
            asker: Asker {
                client: &client,
                peers: &peers,
                resources: &[],
            },
            begins_refresh: false,
        };
        let plan = code_plan(Some("a-code"), facts, NOW).expect("the grant is good");
        let keys = Keys::of_one(&ring, key);
        let set = issue(&plan, &spec, keys, NOW, &SystemEntropy);
        let token = set.expect("the key signs").id_token;
        let token = token.expect("openid was asked for").reveal().to_owned();
        let expected = Expected::from_issuer("https://acme.test").for_audience("app");
        group.bench_function(format!("verify {alg}"), |b| {
            b.iter(|| ring.verify(black_box(&token), NOW, &expected).is_ok());
        });
    }
    group.finish();
    criterion.final_summary();
}

/// A ring whose key changed three times within its retirement.
fn grown() -> KeyRing {
    let policy = RotationPolicy::default();
    (0..4).fold(KeyRing::empty(&SystemEntropy), |ring, hours| {
        let key = SigningKey::generate(Alg::ES256, KeyId::random(&SystemEntropy));
        let now = NOW + Duration::from_hours(hours);
        ring.with_active(key.expect("a key can be made"), now, &policy)
    })
}
