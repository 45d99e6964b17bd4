//! What the authorization endpoint decides before anything is loaded or shown.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot begin should stop at once"
)]

use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use insula_engine::Peers;
use insula_engine::authorize::{Choice, Consent, Standing, next, validate};
use insula_model::ClientId;
use insula_oauth::{AuthorizeRequest, Params};
use insula_testkit::{CHALLENGE, NOW, a_login, a_tenant, an_authorization_request, test_keys};

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let spec = a_tenant().build();
    let id = ClientId::parse("app").expect("a word is an id");
    let client = spec.clients.get(&id).expect("the tenant has this client");
    let keys = test_keys();
    let query = format!(
        "client_id=app&redirect_uri=https%3A%2F%2Fapp.test%2Fcb&response_type=code\
         &scope=openid+email+profile&state=af0ifjsldkj&nonce=n-0S6_WzA2Mj\
         &code_challenge={CHALLENGE}&code_challenge_method=S256"
    );
    let params = read(&query);
    let request = AuthorizeRequest::from_params(&params);
    let peers = Peers::default();
    let elsewhere = read(&query.replace("app.test", "evil.test"));
    let wrong = AuthorizeRequest::from_params(&elsewhere);

    let mut group = criterion.benchmark_group("decide");
    group.bench_function("read an authorization request", |b| {
        b.iter(|| {
            let params = read(black_box(&query));
            AuthorizeRequest::from_params(&params).client_id.is_some()
        });
    });
    group.bench_function("validate a good one", |b| {
        b.iter(|| validate(black_box(&request), Some(client), &peers, &spec, &keys, NOW).is_ok());
    });
    group.bench_function("validate one with a wrong redirect URI", |b| {
        b.iter(|| validate(black_box(&wrong), Some(client), &peers, &spec, &keys, NOW).is_err());
    });
    let asked = an_authorization_request();
    let arriving = Standing::Arriving {
        session: None,
        logged_in_to: None,
        choice: &Choice::Open,
    };
    group.bench_function("next for somebody who arrives", |b| {
        b.iter(|| next(black_box(&asked), client, &spec, arriving, NOW).is_ok());
    });
    let login = a_login();
    let known = Standing::Known {
        login: &login,
        consent: Consent::Before(None),
    };
    group.bench_function("next for somebody who is known", |b| {
        b.iter(|| next(black_box(&asked), client, &spec, known, NOW).is_ok());
    });
    group.finish();
    criterion.final_summary();
}

fn read(query: &str) -> Params {
    Params::parse(query).expect("the query is well formed")
}
