//! The verbs of the short-lived half in the memory of the process.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot begin should stop at once"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion};
use futures_util::FutureExt as _;
use insula_ambient::ManualClock;
use insula_model::{AuthRequest, AuthRequestId, TenantId, TokenHash};
use insula_store::{Cache as _, CacheLimits, LoginRoom, MemoryCache, TenantCache};
use insula_testkit::{NOW, a_code_grant, an_auth_request};

const HOUR: Duration = Duration::from_hours(1);
const ROOM: LoginRoom = LoginRoom::of(u32::MAX);

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let limits = CacheLimits {
        codes: usize::MAX,
        total: usize::MAX,
        ..CacheLimits::default()
    };
    let cache = MemoryCache::new(Arc::new(ManualClock::at(NOW)), limits);
    let tenant = cache.tenant(&TenantId::parse("acme").expect("a word is an id"));
    let mut group = criterion.benchmark_group("memory cache");

    group.bench_function("count", |b| {
        b.iter(|| at_once(tenant.count(black_box("password:jane"), HOUR)));
    });

    let mut number = 0;
    let mut fresh = || {
        number += 1;
        a_request(number)
    };
    group.bench_function("put and drop a login", |b| {
        b.iter_batched(
            &mut fresh,
            |request| {
                at_once(tenant.put_auth_request(&request, ROOM, HOUR));
                at_once(tenant.drop_auth_request(&request.id))
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("a whole login, put to redeemed", |b| {
        b.iter_batched(
            &mut fresh,
            |request| a_whole_login(tenant.as_ref(), request),
            BatchSize::SmallInput,
        );
    });
    group.finish();
    criterion.final_summary();
}

fn a_whole_login(tenant: &dyn TenantCache, request: AuthRequest) {
    let code = TokenHash::of(request.id.as_str());
    at_once(tenant.put_auth_request(&request, ROOM, HOUR));
    let mut next = at_once(tenant.get_auth_request(&request.id)).unwrap_or(request);
    next.version += 1;
    at_once(tenant.advance_auth_request(&next));
    let grant = a_code_grant();
    at_once(tenant.finish_auth_request(&next.id, next.version, &code, &grant, HOUR));
    at_once(tenant.claim_code(&code, &code, HOUR));
    at_once(tenant.answer_code(&code, 1, HOUR));
}

/// The memory form never waits: each verb is done when it is first looked at.
fn at_once<T>(verb: impl Future<Output = Result<T, insula_store::StoreError>>) -> T {
    let done = verb.now_or_never().expect("the memory form never waits");
    done.expect("there is room")
}

fn a_request(number: u32) -> AuthRequest {
    let mut request = an_auth_request().build();
    request.id = AuthRequestId::parse(format!("request{number}")).expect("a word is an id");
    request
}
