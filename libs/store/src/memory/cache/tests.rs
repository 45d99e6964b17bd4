use std::time::Duration;

use super::*;

use insula_ambient::{ManualClock, SeededEntropy, Timestamp};
use insula_model::{ClientId, ConnectorId, IdentityClaims, Login, Origin, UserId};
use insula_oauth::{Prompts, ResponseMode, ResponseType, Scopes};

use crate::conformance::cache::CacheOnTrial;
use crate::{ClaimedCode, LeaveToAnswer, LoginRoom, Pace, RefreshTurn};

const NOON: Timestamp = Timestamp::from_secs(1_800_000_000);

struct Trial {
    cache: MemoryCache,
    clock: ManualClock,
}

impl Trial {
    fn with(limits: CacheLimits) -> Self {
        let clock = ManualClock::at(NOON);
        let cache = MemoryCache::new(Arc::new(clock.clone()), limits);
        Self { cache, clock }
    }

    fn tenant(&self, id: &str) -> Arc<dyn TenantCache> {
        self.cache.tenant(&TenantId::parse(id).unwrap())
    }
}

#[async_trait]
impl CacheOnTrial for Trial {
    fn cache(&self) -> &dyn Cache {
        &self.cache
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    async fn entries_without_end(&self) -> Vec<String> {
        self.clock.advance(Duration::from_hours(24));
        self.cache.sweep();
        match self.cache.entries() {
            0 => vec![],
            n => vec![format!("{n} entries")],
        }
    }
}

fn a_trial() -> std::future::Ready<Option<Trial>> {
    std::future::ready(Some(Trial::with(CacheLimits::default())))
}

crate::cache_conformance!(a_trial);

fn small() -> CacheLimits {
    CacheLimits {
        codes: 2,
        used_codes: 2,
        refreshed: 2,
        counters: 2,
        total: 100,
    }
}

fn hash(n: u64) -> TokenHash {
    TokenHash::of(&n.to_string())
}

fn request(n: u64) -> AuthRequest {
    AuthRequest {
        id: AuthRequestId::generate(&SeededEntropy::new(n)),
        version: 1,
        origin: Origin::Browser,
        request: insula_model::AuthorizationRequest {
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
        created_at: NOON,
        back_hash: None,
        asked: None,
        person: None,
        proofs: vec![],
        remember_me: None,
        typed_address: None,
    }
}

fn grant(n: u64) -> CodeGrant {
    CodeGrant {
        begins_refresh: None,
        grant_id: GrantId::generate(&SeededEntropy::new(n)),
        client_id: ClientId::parse("app").unwrap(),
        redirect_uri: "https://app.test/cb".into(),
        scopes: Scopes::parse("openid"),
        resources: Vec::new(),
        claims: insula_model::RequestedClaims::default(),
        nonce: None,
        code_challenge: None,
        login: Login {
            connector_id: ConnectorId::parse("local").unwrap(),
            claims: IdentityClaims::of(UserId::parse("jane").unwrap()),
            auth_time: NOON,
            amr: vec![],
            acr: None,
            session_id: None,
            connector_data: None,
        },
    }
}

const MINUTE: Duration = Duration::from_mins(1);

const ROOM: LoginRoom = LoginRoom::of(10_000);

#[tokio::test]
async fn logins_blown_up_by_a_stranger_weigh_as_much_as_they_take() {
    let trial = Trial::with(CacheLimits::default());
    let tenant = trial.tenant("acme");
    let room = LoginRoom::of(40);
    let mut large = request(0);
    large.request.state = Some("a".repeat(19 * 2048));
    tenant.put_auth_request(&large, room, MINUTE).await.unwrap();
    assert_eq!(trial.cache.entries(), 20);
    for n in 1..=20 {
        let honest = request(n);
        tenant
            .put_auth_request(&honest, room, MINUTE)
            .await
            .unwrap();
    }
    assert_eq!(trial.cache.entries(), 40);
    let beyond = request(21);
    tenant
        .put_auth_request(&beyond, room, MINUTE)
        .await
        .unwrap();
    assert!(tenant.get_auth_request(&large.id).await.unwrap().is_none());
    assert_eq!(trial.cache.entries(), 21);
}

#[tokio::test]
async fn logins_that_have_ended_make_room_for_new_ones() {
    let trial = Trial::with(small());
    let tenant = trial.tenant("acme");
    for n in 0..2 {
        let login = request(n);
        tenant.put_auth_request(&login, ROOM, MINUTE).await.unwrap();
    }
    trial.clock.advance(MINUTE);
    let late = request(3);
    tenant.put_auth_request(&late, ROOM, MINUTE).await.unwrap();
    assert_eq!(trial.cache.entries(), 1);
}

#[tokio::test]
async fn a_login_that_cannot_store_its_code_is_not_ended() {
    let trial = Trial::with(small());
    let tenant = trial.tenant("acme");
    for n in 0..2 {
        tenant.put_code(&hash(n), &grant(n), MINUTE).await.unwrap();
    }
    let login = request(1);
    tenant.put_auth_request(&login, ROOM, MINUTE).await.unwrap();
    let refused = tenant
        .finish_auth_request(&login.id, 1, &hash(7), &grant(7), MINUTE)
        .await;
    assert!(matches!(refused, Err(StoreError::Full("codes"))));
    let stands = tenant.get_auth_request(&login.id).await.unwrap();
    assert_eq!(stands, Some(login));
}

#[tokio::test]
async fn used_codes_never_stand_in_the_way_of_a_login() {
    let trial = Trial::with(small());
    let tenant = trial.tenant("acme");
    let presenter = hash(99);
    for n in 0..5 {
        tenant.put_code(&hash(n), &grant(n), MINUTE).await.unwrap();
        let later = Duration::from_mins(n + 1);
        let claimed = tenant.claim_code(&hash(n), &presenter, MINUTE).await;
        assert!(matches!(claimed, Ok(ClaimedCode::Claimed { claim: 1, .. })));
        let answered = tenant.answer_code(&hash(n), 1, later).await;
        let is_given = matches!(answered, Ok(LeaveToAnswer::Given(_)));
        assert!(is_given, "{n}");
    }
    for (n, remembered) in [(0, false), (2, false), (3, true), (4, true)] {
        let again = tenant.claim_code(&hash(n), &presenter, MINUTE).await;
        let replayed = matches!(again, Ok(ClaimedCode::Replayed(_)));
        assert_eq!(replayed, remembered);
    }
    assert_eq!(trial.cache.entries(), 2);
}

async fn is_kept(tenant: &dyn TenantCache, n: u64) -> bool {
    let turn = tenant.begin_refresh(&hash(n), "test", MINUTE).await;
    matches!(turn, Ok(RefreshTurn::Kept(_)))
}

#[tokio::test]
async fn refreshed_logins_are_bounded_and_the_first_to_end_goes_first() {
    let trial = Trial::with(small());
    let tenant = trial.tenant("acme");
    for (n, mins) in [(0, 2), (1, 1), (2, 3)] {
        let ttl = Duration::from_mins(mins);
        let kept = tenant.keep_refreshed(&hash(n), &grant(n).login, ttl).await;
        kept.unwrap();
    }
    for (n, stays) in [(0, true), (1, false), (2, true)] {
        assert_eq!(is_kept(tenant.as_ref(), n).await, stays, "{n}");
    }
}

#[tokio::test]
async fn counters_are_bounded_too() {
    let trial = Trial::with(small());
    let tenant = trial.tenant("acme");
    for n in 0..50 {
        tenant.count(&n.to_string(), MINUTE).await.unwrap();
    }
    assert_eq!(trial.cache.entries(), 2);
    assert_eq!(tenant.counted("49").await.unwrap(), 1);
    let pace = Pace {
        free: 1,
        within: MINUTE,
        step: 1,
        longest: MINUTE,
    };
    for n in 0..50 {
        let names = ["a", "b", "c"].map(|name| (format!("{name}{n}"), pace));
        tenant.count_failures(&names).await.unwrap();
    }
    assert_eq!(trial.cache.entries(), 2);
}

#[tokio::test]
async fn all_tenants_together_hold_no_more_than_the_total() {
    let trial = Trial::with(CacheLimits {
        total: 3,
        ..CacheLimits::default()
    });
    let (a, b) = (trial.tenant("a"), trial.tenant("b"));
    for n in 0..3 {
        let put = a.put_auth_request(&request(n), ROOM, MINUTE).await;
        put.unwrap();
    }
    let refused = b.put_auth_request(&request(5), ROOM, MINUTE).await;
    assert!(matches!(refused, Err(StoreError::Full(_))));
    let login = grant(1).login;
    b.keep_refreshed(&hash(1), &login, MINUTE).await.unwrap();
    assert!(!is_kept(b.as_ref(), 1).await);
    assert_eq!(trial.cache.entries(), 3);
}

#[tokio::test]
async fn a_sweep_forgets_tenants_that_hold_nothing_but_never_splits_one() {
    let trial = Trial::with(CacheLimits::default());
    let held = trial.tenant("held");
    drop(trial.tenant("idle"));
    trial.cache.sweep();
    let known =
        |cache: &MemoryCache| -> usize { cache.shared.shards.iter().map(|s| lock(s).len()).sum() };
    assert_eq!(known(&trial.cache), 1);
    held.count("key", MINUTE).await.unwrap();
    assert_eq!(trial.tenant("held").counted("key").await.unwrap(), 1);
    drop(held);
    trial.clock.advance(MINUTE);
    assert_eq!(trial.cache.sweep(), 1);
    assert_eq!(known(&trial.cache), 0);
}

#[tokio::test]
async fn setting_the_wall_clock_neither_ends_nor_prolongs_what_is_held() {
    const DAY: Duration = Duration::from_hours(24);
    let set: [fn(&ManualClock); 2] = [
        |clock| clock.step_forward(DAY),
        |clock| {
            clock.step_back(DAY);
        },
    ];
    for set in set {
        let trial = Trial::with(CacheLimits::default());
        let tenant = trial.tenant("acme");
        let (login, code, usage) = (request(1), hash(1), hash(2));
        tenant.put_auth_request(&login, ROOM, MINUTE).await.unwrap();
        tenant.put_code(&code, &grant(1), MINUTE).await.unwrap();
        let kept = grant(1).login;
        tenant.keep_refreshed(&usage, &kept, MINUTE).await.unwrap();
        tenant.count("key", MINUTE).await.unwrap();
        let mut standing = vec![];
        for pass in [Duration::ZERO, Duration::from_millis(59_999)] {
            set(&trial.clock);
            trial.clock.advance(pass);
            assert_eq!(trial.cache.sweep(), 0);
            standing.push(tenant.counted("key").await.unwrap());
            assert!(tenant.get_auth_request(&login.id).await.unwrap().is_some());
            assert!(tenant.peek_code(&code).await.unwrap().is_some());
            assert!(is_kept(tenant.as_ref(), 2).await);
        }
        assert_eq!(standing, [1, 1]);
        set(&trial.clock);
        trial.clock.advance(Duration::from_millis(1));
        assert_eq!(tenant.counted("key").await.unwrap(), 0);
        assert_eq!(tenant.get_auth_request(&login.id).await.unwrap(), None);
        assert_eq!(tenant.peek_code(&code).await.unwrap(), None);
        assert_eq!(trial.cache.sweep(), 4);
    }
}
