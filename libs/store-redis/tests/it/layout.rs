use std::time::Duration;

use insula_ambient::{SeededEntropy, Timestamp};
use insula_model::{
    Asked, AuthRequest, AuthRequestId, AuthorizationRequest, ClientId, CodeGrant, ConnectorId,
    DeviceRequest, GrantId, IdentityClaims, Login, Origin, Proof, ProvenPerson, TenantId,
    TokenHash, UserId,
};
use insula_oauth::{Prompts, ResponseMode, ResponseType, Scopes};
use insula_store::{
    Cache as _, ClaimedCode, DeviceLife, DevicePace, DevicePoll, FoundDevice, LeaveToAnswer,
    LoginRoom, Pace, RefreshTurn, StoreError,
};
use insula_store_redis::RedisCache;
use redis::AsyncCommands as _;
use tokio::runtime::{Builder, Handle};

use crate::server::{Redis, Server, options, pass, talk_to};

const ROOM: LoginRoom = LoginRoom::of(10_000);

const MINUTE: Duration = Duration::from_mins(1);

pub(crate) fn acme() -> TenantId {
    TenantId::parse("acme").unwrap()
}

fn login() -> Login {
    Login {
        connector_id: ConnectorId::parse("mock").unwrap(),
        claims: IdentityClaims::of(UserId::parse("jane").unwrap()),
        auth_time: Timestamp::from_secs(1),
        amr: vec![],
        acr: None,
        session_id: None,
        connector_data: None,
    }
}

fn request() -> AuthRequest {
    AuthRequest {
        id: AuthRequestId::generate(&SeededEntropy::new(1)),
        version: 1,
        origin: Origin::Browser,
        request: AuthorizationRequest {
            client_id: ClientId::parse("app").unwrap(),
            redirect_uri: "https://app.test/cb".into(),
            response_type: ResponseType::CODE,
            response_mode: ResponseMode::Query,
            scopes: Scopes::parse("openid"),
            resources: Vec::new(),
            state: None,
            nonce: None,
            code_challenge: None,
            prompts: Prompts::default(),
            max_age: None,
            login_hint: None,
            ui_locales: vec![],
            acr_values: vec![],
            claims: insula_model::ClaimsRequest::default(),
            hinted_sub: None,
            connector_id: None,
            force_approval: false,
        },
        browser: None,
        carried: false,
        created_at: Timestamp::from_secs(1),
        back_hash: None,
        asked: None,
        person: Some(ProvenPerson {
            connector_id: login().connector_id,
            claims: login().claims,
            session_id: None,
            connector_data: None,
        }),
        proofs: vec![Proof {
            at: Timestamp::from_secs(1),
            amr: vec![],
            acr: None,
        }],
        remember_me: None,
        typed_address: None,
    }
}

pub(crate) fn grant() -> CodeGrant {
    CodeGrant {
        begins_refresh: None,
        grant_id: GrantId::generate(&SeededEntropy::new(2)),
        client_id: ClientId::parse("app").unwrap(),
        redirect_uri: "https://app.test/cb".into(),
        scopes: Scopes::parse("openid"),
        resources: Vec::new(),
        claims: insula_model::RequestedClaims::default(),
        nonce: None,
        code_challenge: None,
        login: login(),
    }
}

#[tokio::test]
async fn every_verb_is_one_round_trip() {
    let Some(redis) = Redis::any().await else {
        return;
    };
    let cache = RedisCache::connect(&redis.url(), &options(), Handle::current())
        .await
        .unwrap();
    let tenant = cache.tenant(&acme());
    let (request, grant) = (request(), grant());
    let (code, other, usage) = (
        TokenHash::of("code"),
        TokenHash::of("other"),
        TokenHash::of("usage"),
    );
    let mut next = request.clone();
    next.version = 2;
    let mut trips = cache.round_trips();
    let mut one_more = |verb: &str| {
        trips += 1;
        assert_eq!(cache.round_trips(), trips, "{verb}");
    };
    tenant
        .put_auth_request(&request, ROOM, MINUTE)
        .await
        .unwrap();
    one_more("put_auth_request");
    tenant.get_auth_request(&request.id).await.unwrap().unwrap();
    one_more("get_auth_request");
    assert!(tenant.advance_auth_request(&next).await.unwrap());
    one_more("advance_auth_request");
    let finish = tenant.finish_auth_request(&request.id, 2, &code, &grant, MINUTE);
    finish.await.unwrap();
    one_more("finish_auth_request");
    tenant.drop_auth_request(&request.id).await.unwrap();
    one_more("drop_auth_request");
    tenant.put_code(&other, &grant, MINUTE).await.unwrap();
    one_more("put_code");
    tenant.peek_code(&code).await.unwrap().unwrap();
    one_more("peek_code");
    for _ in 0..2 {
        tenant.claim_code(&code, &other, MINUTE).await.unwrap();
        one_more("claim_code");
    }
    for claim in 1..=2 {
        let answer = tenant.answer_code(&code, claim, MINUTE).await;
        let is_given = matches!(answer, Ok(LeaveToAnswer::Given(_)));
        assert_eq!(is_given, claim == 2);
        one_more("answer_code");
    }
    let life = DeviceLife {
        good_for: MINUTE,
        remembered_for: MINUTE,
    };
    let pace = DevicePace {
        interval: MINUTE,
        slower_by: MINUTE,
        is_forgiving: false,
    };
    let asked = DeviceRequest {
        client_id: ClientId::parse("tv").unwrap(),
        is_proven: true,
        scopes: Scopes::parse("openid"),
        resources: vec!["https://api.test".into()],
        code_challenge: None,
        asked_from: None,
        asked_at: Timestamp::from_secs(1),
    };
    let (first, second) = (TokenHash::of("first"), TokenHash::of("second"));
    for device in [&first, &second] {
        let put = tenant.put_device(device, device, &asked, 10, life).await;
        assert!(put.unwrap());
        one_more("put_device");
    }
    let found = tenant.find_device(&first).await.unwrap();
    assert!(matches!(found, FoundDevice::Waiting(_)));
    one_more("find_device");
    for expected in [DevicePoll::Pending, DevicePoll::SlowDown] {
        let polled = tenant.poll_device(&first, pace).await.unwrap();
        assert_eq!(polled, expected);
        one_more("poll_device");
    }
    let approved = tenant.approve_device(&first, &grant, MINUTE).await;
    assert!(approved.unwrap());
    one_more("approve_device");
    assert!(tenant.deny_device(&second).await.unwrap());
    one_more("deny_device");
    let login = &grant.login;
    tenant.keep_refreshed(&usage, login, MINUTE).await.unwrap();
    one_more("keep_refreshed");
    let kept = tenant.begin_refresh(&usage, "holder", MINUTE).await;
    assert!(matches!(kept, Ok(RefreshTurn::Kept(_))), "{kept:?}");
    one_more("begin_refresh");
    tenant.forget_refreshed(&usage).await.unwrap();
    one_more("forget_refreshed");
    let taken = tenant.begin_refresh(&usage, "holder", MINUTE).await;
    assert_eq!(taken.unwrap(), RefreshTurn::Taken);
    one_more("begin_refresh");
    tenant.end_refresh(&usage, "holder").await.unwrap();
    one_more("end_refresh");
    tenant.count("key", MINUTE).await.unwrap();
    one_more("count");
    tenant.counted("key").await.unwrap();
    one_more("counted");
    let pace = Pace {
        free: 1,
        within: MINUTE,
        step: 1,
        longest: MINUTE,
    };
    let names = ["jane", "john"].map(|name| (name.to_owned(), pace));
    tenant.count_failures(&names).await.unwrap();
    one_more("count_failures");
    tenant.failures(&names).await.unwrap();
    one_more("failures");
    cache.ping().await.unwrap();
    one_more("ping");

    let registry = prometheus::Registry::new();
    cache.register(&registry).unwrap();
    let families = registry.gather();
    let counted: f64 = families
        .iter()
        .filter(|f| f.name() == "insula_redis_round_trips_total")
        .flat_map(prometheus::proto::MetricFamily::get_metric)
        .map(|m| m.get_counter().get_value())
        .sum();
    assert!((counted - f64::from(u32::try_from(trips).unwrap())).abs() < 0.5);
}

#[tokio::test]
async fn keys_name_installation_tenant_and_kind_and_hide_what_is_counted() {
    let Some(redis) = Redis::any().await else {
        return;
    };
    let options = options();
    let cache = RedisCache::connect(&redis.url(), &options, Handle::current())
        .await
        .unwrap();
    let tenant = cache.tenant(&acme());
    let request = request();
    tenant
        .put_auth_request(&request, ROOM, MINUTE)
        .await
        .unwrap();
    tenant.count("jane@acme.test", MINUTE).await.unwrap();
    let mut raw = talk_to(&redis.url()).await;
    let mut keys: Vec<String> = raw.keys(format!("{}:*", options.prefix)).await.unwrap();
    keys.sort();
    let prefix = options.prefix;
    let hash = TokenHash::of("jane@acme.test").to_text();
    let expected = [
        format!("{prefix}:{{acme}}:auth:{}", request.id),
        format!("{prefix}:{{acme}}:auths"),
        format!("{prefix}:{{acme}}:auths:bytes"),
        format!("{prefix}:{{acme}}:count:{hash}"),
        format!("{prefix}:{{acme}}:counts"),
    ];
    assert_eq!(keys, expected);
}

#[tokio::test]
async fn a_login_nobody_finished_takes_less_than_two_kibibytes_of_redis() {
    let Some(redis) = Redis::any().await else {
        return;
    };
    let options = options();
    let cache = RedisCache::connect(&redis.url(), &options, Handle::current())
        .await
        .unwrap();
    let tenant = cache.tenant(&acme());
    for seed in 0..100 {
        let mut request = request();
        request.id = AuthRequestId::generate(&SeededEntropy::new(seed));
        request.browser = Some(TokenHash::of("browser"));
        request = request.reopened();
        request.asked = Some(Asked {
            connector_id: ConnectorId::parse("upstream").unwrap(),
            memory: serde_json::json!({ "nonce": "n".repeat(43), "verifier": "v".repeat(43) }),
        });
        // The longest request that flows keep in the cache.
        let length = serde_json::to_vec(&request.request).unwrap().len();
        let rest = 1_100 - length - r#","state":"""#.len();
        request.request.state = Some("s".repeat(rest));
        assert_eq!(serde_json::to_vec(&request.request).unwrap().len(), 1_100);
        tenant
            .put_auth_request(&request, ROOM, MINUTE)
            .await
            .unwrap();
    }
    let mut raw = talk_to(&redis.url()).await;
    let keys: Vec<String> = raw.keys(format!("{}:*", options.prefix)).await.unwrap();
    let mut bytes = 0;
    for key in keys {
        let mut usage = redis::cmd("MEMORY");
        usage.arg("USAGE").arg(&key).arg("SAMPLES").arg(0);
        let of_key: u64 = usage.query_async(&mut raw).await.unwrap();
        bytes += of_key;
    }
    assert!(bytes <= 100 * LoginRoom::BYTES_EACH, "{bytes} for 100");
}

#[tokio::test]
async fn codes_and_counters_of_a_tenant_are_bounded_and_leave_a_neighbour_alone() {
    let Some(redis) = Redis::any().await else {
        return;
    };
    let mut options = options();
    options.limits.codes = 3;
    options.limits.counters = 3;
    let cache = RedisCache::connect(&redis.url(), &options, Handle::current())
        .await
        .unwrap();
    let other = TenantId::parse("other").unwrap();
    let (tenant, other) = (cache.tenant(&acme()), cache.tenant(&other));
    let code = |n: u32| TokenHash::of(&n.to_string());
    let (grant, last) = (grant(), code(4));
    for n in 0..3 {
        tenant.put_code(&code(n), &grant, MINUTE).await.unwrap();
    }
    let refused = tenant.put_code(&code(3), &grant, MINUTE).await;
    assert!(matches!(refused, Err(StoreError::Full("codes"))));
    other.put_code(&code(3), &grant, MINUTE).await.unwrap();
    let login = request();
    tenant.put_auth_request(&login, ROOM, MINUTE).await.unwrap();
    let finish = tenant.finish_auth_request(&login.id, 1, &last, &grant, MINUTE);
    assert!(matches!(finish.await, Err(StoreError::Full("codes"))));
    let stands = tenant.get_auth_request(&login.id).await.unwrap();
    assert_eq!(stands, Some(login.clone()), "it is not ended");
    // A code that is redeemed, or has ended, makes room.
    tenant.claim_code(&code(0), &last, MINUTE).await.unwrap();
    let answered = tenant.answer_code(&code(0), 1, MINUTE).await;
    assert!(matches!(answered, Ok(LeaveToAnswer::Given(_))));
    let finish = tenant.finish_auth_request(&login.id, 1, &last, &grant, MINUTE);
    finish.await.unwrap();
    pass(&redis, &options.prefix, MINUTE).await;
    tenant.put_code(&code(5), &grant, MINUTE).await.unwrap();

    for n in 0..50 {
        let window = MINUTE + Duration::from_secs(n);
        let counted = tenant.count(&n.to_string(), window).await.unwrap();
        assert_eq!(counted, 1);
    }
    other.count("0", MINUTE).await.unwrap();
    for (n, stands) in [(0, 0), (46, 0), (47, 1), (48, 1), (49, 1)] {
        let counted = tenant.counted(&n.to_string()).await.unwrap();
        assert_eq!(counted, stands, "{n}");
    }
    assert_eq!(tenant.count("49", MINUTE).await.unwrap(), 2);
    assert_eq!(other.counted("0").await.unwrap(), 1);
}

#[tokio::test]
async fn scripts_the_server_has_forgotten_are_sent_again() {
    // A server of its own: others share theirs, and count on their scripts.
    let Some(redis) = Server::start().await else {
        return;
    };
    let cache = RedisCache::connect(&redis.url(), &options(), Handle::current())
        .await
        .unwrap();
    let tenant = cache.tenant(&acme());
    let (code, grant) = (TokenHash::of("code"), grant());
    tenant.put_code(&code, &grant, MINUTE).await.unwrap();
    let mut raw = talk_to(&redis.url()).await;
    let flush: redis::RedisResult<()> = redis::cmd("SCRIPT")
        .arg("FLUSH")
        .query_async(&mut raw)
        .await;
    flush.unwrap();
    let claimed = tenant.claim_code(&code, &code, MINUTE).await.unwrap();
    assert!(matches!(claimed, ClaimedCode::Claimed { claim: 1, .. }));
}

#[tokio::test]
async fn a_record_of_another_form_is_corrupt_to_every_verb_that_reads_it() {
    let Some(redis) = Redis::any().await else {
        return;
    };
    let options = options();
    let cache = RedisCache::connect(&redis.url(), &options, Handle::current())
        .await
        .unwrap();
    let tenant = cache.tenant(&acme());
    let (request, hash) = (request(), TokenHash::of("x"));
    let mut raw = talk_to(&redis.url()).await;
    let (prefix, text) = (&options.prefix, hash.to_text());
    for key in [
        format!("{prefix}:{{acme}}:auth:{}", request.id),
        format!("{prefix}:{{acme}}:code:{text}"),
        format!("{prefix}:{{acme}}:device:{text}"),
        format!("{prefix}:{{acme}}:refreshed:{text}"),
        format!("{prefix}:{{acme}}:count:{}", TokenHash::of("key").to_text()),
    ] {
        let set: redis::RedisResult<()> = raw.set_ex(key, "9|of another version", 60).await;
        set.unwrap();
    }
    let user_code = format!("{prefix}:{{acme}}:user-code:{text}");
    let set: redis::RedisResult<()> = raw.set_ex(user_code, &text, 60).await;
    set.unwrap();
    let pace = DevicePace {
        interval: MINUTE,
        slower_by: MINUTE,
        is_forgiving: false,
    };
    let grant = grant();
    let mut next = request.clone();
    next.version = 2;
    let finish = tenant.finish_auth_request(&request.id, 1, &hash, &grant, MINUTE);
    let errors = [
        tenant.get_auth_request(&request.id).await.err(),
        tenant.advance_auth_request(&next).await.err(),
        finish.await.err(),
        tenant.peek_code(&hash).await.err(),
        tenant.claim_code(&hash, &hash, MINUTE).await.err(),
        tenant.answer_code(&hash, 1, MINUTE).await.err(),
        tenant.find_device(&hash).await.err(),
        tenant.approve_device(&hash, &grant, MINUTE).await.err(),
        tenant.deny_device(&hash).await.err(),
        tenant.poll_device(&hash, pace).await.err(),
        tenant.begin_refresh(&hash, "holder", MINUTE).await.err(),
        tenant.count("key", MINUTE).await.err(),
        tenant.counted("key").await.err(),
    ];
    for error in errors {
        assert!(
            matches!(error, Some(StoreError::Corrupt { .. })),
            "{error:?}"
        );
    }
}

#[test]
fn the_connection_outlives_the_runtimes_it_is_called_from() {
    let io = Builder::new_multi_thread().enable_all().build().unwrap();
    let worker = || Builder::new_current_thread().enable_all().build().unwrap();
    let connected = worker().block_on(async {
        let redis = Redis::any().await?;
        let cache = RedisCache::connect(&redis.url(), &options(), io.handle().clone()).await;
        Some((redis, cache.unwrap()))
    });
    let Some((_redis, cache)) = connected else {
        return;
    };
    for _ in 0..3 {
        worker().block_on(async { cache.ping().await }).unwrap();
    }
}
