use insula_ambient::SeededEntropy;
use insula_model::GrantId;
use insula_testkit::{NOW, a_client, a_code_grant, a_connector, a_tenant, test_keys};

use super::*;
use crate::Peers;

const SECOND: Duration = Duration::from_secs(1);

fn a_grant(generation: u32) -> RefreshGrant {
    RefreshGrant {
        id: RefreshId::parse("refresh1").unwrap(),
        generation,
        answered: true,
        expires_at: Timestamp::NEVER,
        ..first_refresh_grant(
            &a_code_grant(),
            &a_tenant().build().expiry.refresh,
            NOW,
            &test_keys(),
        )
    }
}

/// The token of a generation of a grant.
fn token(generation: u32) -> RefreshToken {
    RefreshToken::current(&a_grant(generation), &test_keys())
}

fn garbage() -> RefreshToken {
    RefreshToken {
        secret: RefreshSecret::new("a234567abcdefghijklmnopqr"),
        ..token(0)
    }
}

struct Case {
    spec: TenantSpec,
    client: Client,
    grant: RefreshGrant,
}

impl Case {
    fn of(spec: impl Into<TenantSpec>, generation: u32) -> Self {
        Self {
            spec: spec.into(),
            client: a_client().build(),
            grant: a_grant(generation),
        }
    }

    fn told(&self, presented: &RefreshToken, after: Duration) -> Result<RefreshUse, Refusal> {
        self.judged(presented, after, false)
    }

    /// What is told to a request that found its token current, and lost the race to replace it.
    fn told_late(&self, presented: &RefreshToken, after: Duration) -> Result<RefreshUse, Refusal> {
        self.judged(presented, after, true)
    }

    fn judged(
        &self,
        presented: &RefreshToken,
        after: Duration,
        was_current: bool,
    ) -> Result<RefreshUse, Refusal> {
        let facts = RefreshFacts {
            spec: &self.spec,
            keys: &test_keys(),
            client: &self.client,
            grant: &self.grant,
            came_at: NOW + after,
            asked_at: NOW + after,
            was_current,
        };
        refresh_token(presented, facts, NOW + after)
    }
}

fn family() -> GrantId {
    a_code_grant().grant_id
}

fn reused() -> Result<RefreshUse, Refusal> {
    Err(Refusal::RefreshReused { grant: family() })
}

fn obsolete() -> Result<RefreshUse, Refusal> {
    Err(Refusal::RefreshObsolete { grant: family() })
}

const ROTATE: Result<RefreshUse, Refusal> = Ok(RefreshUse::Use { rotate: true });
const USE: Result<RefreshUse, Refusal> = Ok(RefreshUse::Use { rotate: false });
const REPEAT: Result<RefreshUse, Refusal> = Ok(RefreshUse::Repeat);

#[test]
fn what_a_secret_comes_to_by_dialect_rotation_and_reuse_interval() {
    let unknown = || Err(Refusal::RefreshUnknown);
    // The grant stands at generation 5; what is presented, 1 second after the last use (within the
    // interval of 3 seconds), 4 seconds after it, and 1 second after it without any interval.
    let tables = [
        (
            "ours, rotating (RFC 9700 §4.14.2)",
            a_tenant().build(),
            [
                ("current", token(5), ROTATE, ROTATE, ROTATE),
                ("previous", token(4), REPEAT, reused(), reused()),
                ("older", token(3), reused(), reused(), reused()),
                ("garbage", garbage(), unknown(), unknown(), unknown()),
            ],
        ),
        (
            "ours, not rotating",
            a_tenant().with(|t| t.expiry.refresh.rotate = false).build(),
            [
                ("current", token(5), USE, USE, USE),
                ("previous", token(4), REPEAT, reused(), reused()),
                ("older", token(3), reused(), reused(), reused()),
                ("garbage", garbage(), unknown(), unknown(), unknown()),
            ],
        ),
        (
            "dex's, rotating",
            a_tenant().dex().build(),
            [
                ("current", token(5), REPEAT, ROTATE, ROTATE),
                ("previous", token(4), REPEAT, obsolete(), obsolete()),
                ("older", token(3), obsolete(), obsolete(), obsolete()),
                ("garbage", garbage(), unknown(), unknown(), unknown()),
            ],
        ),
        (
            "dex's, not rotating",
            a_tenant()
                .dex()
                .with(|t| t.expiry.refresh.rotate = false)
                .build(),
            [
                ("current", token(5), REPEAT, USE, USE),
                ("previous", token(4), REPEAT, obsolete(), obsolete()),
                ("older", token(3), obsolete(), obsolete(), obsolete()),
                ("garbage", garbage(), unknown(), unknown(), unknown()),
            ],
        ),
    ];
    for (table, mut spec, rows) in tables {
        for (secret, presented, within, after, without) in rows {
            let told = |spec: &TenantSpec, since| Case::of(spec.clone(), 5).told(&presented, since);
            spec.expiry.refresh.reuse_interval = 3 * SECOND;
            assert_eq!(told(&spec, SECOND), within, "{table}: {secret}, within");
            assert_eq!(
                told(&spec, 3 * SECOND),
                within,
                "{table}: {secret}, at the end"
            );
            assert_eq!(told(&spec, 4 * SECOND), after, "{table}: {secret}, after");
            spec.expiry.refresh.reuse_interval = Duration::ZERO;
            assert_eq!(
                told(&spec, SECOND),
                without,
                "{table}: {secret}, no interval"
            );
        }
    }
}

#[test]
fn a_rotation_nobody_is_known_to_have_heard_of_leaves_the_token_before_it_good() {
    let hour = Duration::from_hours(1);
    for tenant in [a_tenant(), a_tenant().dex()] {
        for interval in [Duration::ZERO, 3 * SECOND] {
            let tenant = tenant.clone();
            let tenant = tenant.with(|t| t.expiry.refresh.reuse_interval = interval);
            let mut case = Case::of(tenant, 5);
            case.grant.answered = false;
            for after in [SECOND, 30 * SECOND, hour] {
                assert_eq!(case.told(&token(4), after), REPEAT, "{interval:?}");
                let older = case.told(&token(3), after);
                assert!(older.is_err(), "only the one before it");
            }
            assert_eq!(
                case.told(&token(5), hour),
                ROTATE,
                "who knows it may use it"
            );
        }
    }
}

#[test]
fn without_an_interval_of_two_at_once_one_is_a_thief_though_the_other_is_still_being_told() {
    let none = |t: &mut TenantSpec| t.expiry.refresh.reuse_interval = Duration::ZERO;
    let mut ours = Case::of(a_tenant().with(none), 5);
    ours.grant.answered = false;
    let soon = Duration::from_millis(999);
    assert_eq!(ours.told(&token(4), soon), reused());
    assert_eq!(ours.told(&token(4), SECOND), REPEAT);
    let mut dexs = Case::of(a_tenant().dex().with(none), 5);
    dexs.grant.answered = false;
    assert_eq!(
        dexs.told(&token(4), Duration::ZERO),
        REPEAT,
        "it ends nothing"
    );
}

#[test]
fn a_use_that_rotates_is_unanswered_and_one_that_does_not_stays_as_it_was() {
    let policy = a_tenant().build().expiry.refresh;
    let grant = a_grant(5);
    let used = |rotate| used_refresh_grant(&grant, rotate, grant.login.clone(), &policy, NOW);
    assert!(!used(true).answered);
    assert!(used(false).answered);
}

#[test]
fn a_code_begins_the_same_grant_however_often_it_is_redeemed() {
    let policy = a_tenant().build().expiry.refresh;
    let begun = |family: &str, keys: &KeyRing| {
        let code = CodeGrant {
            grant_id: GrantId::parse(family).unwrap(),
            ..a_code_grant()
        };
        first_refresh_grant(&code, &policy, NOW, keys).id
    };
    let id = begun("g1", &test_keys());
    assert_eq!(id, begun("g1", &test_keys()));
    assert_ne!(id, begun("g2", &test_keys()));
    assert_ne!(id, begun("g1", &KeyRing::empty(&SeededEntropy::new(99))));
    assert_eq!(id.as_str().len(), 25, "dex's form");
}

#[test]
fn rfc_9700_4_14_2_the_tokens_of_public_clients_always_rotate() {
    let still = |t: &mut TenantSpec| t.expiry.refresh.rotate = false;
    let mut ours = Case::of(a_tenant().with(still), 0);
    ours.client = a_client().public().build();
    assert_eq!(ours.told(&token(0), 4 * SECOND), ROTATE);
    let mut dexs = Case::of(a_tenant().dex().with(still), 0);
    dexs.client = a_client().public().build();
    assert_eq!(dexs.told(&token(0), 4 * SECOND), USE);
}

#[test]
fn a_token_of_another_client_is_refused_without_effect() {
    let mut case = Case::of(a_tenant(), 5);
    case.client = a_client().named("thief").build();
    for presented in [token(5), token(3)] {
        let told = case.told(&presented, SECOND).unwrap_err();
        assert_eq!(told, Refusal::RefreshOfAnotherClient { grant: family() });
        assert_eq!(told.condemns(), None);
    }
}

#[test]
fn a_token_ends_idle_absolutely_and_with_its_row() {
    let hours = |n| Duration::from_hours(n);
    let expired = Err(Refusal::RefreshExpired { grant: family() });
    let with = |idle, absolute| {
        a_tenant().with(move |t| {
            t.expiry.refresh.valid_if_not_used_for = idle;
            t.expiry.refresh.absolute_lifetime = absolute;
        })
    };
    let mut idle = Case::of(with(Some(hours(2)), None), 0);
    assert_eq!(idle.told(&token(0), Duration::from_mins(119)), ROTATE);
    assert_eq!(idle.told(&token(0), hours(2)), expired);
    idle.grant.last_used_at = NOW + hours(1);
    assert_eq!(idle.told(&token(0), hours(2)), ROTATE);

    let mut absolute = Case::of(with(None, Some(hours(2))), 0);
    absolute.grant.last_used_at = NOW + hours(1);
    assert_eq!(absolute.told(&token(0), Duration::from_mins(119)), ROTATE);
    assert_eq!(absolute.told(&token(0), hours(2)), expired);

    let mut row = Case::of(with(None, None), 0);
    row.grant.expires_at = NOW + hours(1);
    assert_eq!(row.told(&token(0), hours(1)), expired);
    row.grant.expires_at = Timestamp::NEVER;
    assert_eq!(row.told(&token(0), hours(1_000_000)), ROTATE);
}

#[test]
fn a_use_moves_the_idle_end_but_not_the_absolute_one() {
    let mut policy = a_tenant().build().expiry.refresh;
    policy.valid_if_not_used_for = Some(Duration::from_hours(10));
    policy.absolute_lifetime = Some(Duration::from_hours(15));
    let first = first_refresh_grant(&a_code_grant(), &policy, NOW, &test_keys());
    assert_eq!(first.expires_at, NOW + Duration::from_hours(10));
    let later = NOW + Duration::from_hours(9);
    let next = used_refresh_grant(&first, true, first.login.clone(), &policy, later);
    assert_eq!((next.generation, next.last_used_at), (1, later));
    assert_eq!(next.expires_at, NOW + Duration::from_hours(15));
    let same = used_refresh_grant(&first, false, first.login.clone(), &policy, later);
    assert_eq!(same.generation, 0);
}

#[test]
fn secrets_differ_by_generation_grant_and_tenant_and_have_dexs_form() {
    let secret = |generation| token(generation).secret.reveal().to_owned();
    assert_eq!(secret(0).len(), 25);
    assert!(secret(0).starts_with(|c: char| c.is_ascii_lowercase()));
    assert_eq!(secret(0), secret(0));
    assert_ne!(secret(0), secret(1));
    let other_tenant = KeyRing::empty(&SeededEntropy::new(99));
    let theirs = RefreshToken::current(&a_grant(0), &other_tenant);
    assert_ne!(theirs.secret.reveal(), secret(0));
    assert!(!theirs.is_of(&a_grant(0), &test_keys()));
}

#[test]
fn a_secret_replaced_more_than_sixty_four_times_is_garbage_again() {
    let case = Case::of(a_tenant(), 100);
    assert_eq!(case.told(&token(36), SECOND), reused());
    let forgotten = case.told(&token(35), SECOND);
    assert_eq!(forgotten, Err(Refusal::RefreshUnknown));
}

#[test]
fn a_refresh_token_is_dexs_message_of_two_strings() {
    let token = RefreshToken {
        id: RefreshId::parse("id").unwrap(),
        secret: RefreshSecret::new("se"),
    };
    assert_eq!(token.encode(), "CgJpZBICc2U");
    for rules in [&Rules::STANDARD, &Rules::DEX] {
        let read = RefreshToken::parse("CgJpZBICc2U", rules);
        assert_eq!(read, Some(token.clone()));
    }
}

#[test]
fn a_bare_id_is_a_token_without_a_secret_to_dex_alone() {
    let bare = "abcdefghijklmnopqrstuvwxy";
    assert_eq!(RefreshToken::parse(bare, &Rules::STANDARD), None);
    let read = RefreshToken::parse(bare, &Rules::DEX).unwrap();
    assert_eq!((read.id.as_str(), read.secret.reveal()), (bare, ""));
    assert_eq!(RefreshToken::parse("no id: {}", &Rules::DEX), None);
}

#[test]
fn a_refresh_may_ask_for_less_and_never_for_more() {
    let granted = Scopes::parse("openid email groups");
    let told = |asked: Option<&str>| narrowed_scopes(asked.map(Scopes::parse).as_ref(), &granted);
    assert_eq!(told(None), Ok(granted.clone()));
    assert_eq!(told(Some("")), Ok(granted.clone()));
    assert_eq!(
        told(Some("openid email")),
        Ok(Scopes::parse("openid email"))
    );
    let beyond = vec!["profile".to_owned(), "root".to_owned()];
    assert_eq!(
        told(Some("openid profile root")),
        Err(Refusal::RefreshScopeBeyond(beyond))
    );
}

#[test]
fn a_login_gets_a_refresh_token_only_where_everybody_agrees() {
    let code_only = [GrantType::AuthorizationCode];
    let mut refreshless = a_connector("mock");
    refreshless.grant_types = code_only.to_vec();
    let unserved = |t: &mut TenantSpec| t.oauth2.grant_types = code_only.to_vec();
    let scopes = "openid offline_access";
    let any = || a_client();
    let rows = [
        (
            "all agree",
            scopes,
            any(),
            a_tenant(),
            a_connector("mock"),
            true,
            true,
        ),
        (
            "not asked",
            "openid",
            any(),
            a_tenant(),
            a_connector("mock"),
            true,
            false,
        ),
        (
            "the connector cannot",
            scopes,
            any(),
            a_tenant(),
            a_connector("mock"),
            false,
            false,
        ),
        (
            "the connector may not",
            scopes,
            any(),
            a_tenant(),
            refreshless,
            true,
            false,
        ),
        (
            "the client may not",
            scopes,
            any().with_grants(&code_only),
            a_tenant(),
            a_connector("mock"),
            true,
            false,
        ),
        (
            "the tenant does not serve it",
            scopes,
            any(),
            a_tenant().with(unserved),
            a_connector("mock"),
            true,
            false,
        ),
        (
            "dex does not ask the tenant",
            scopes,
            any(),
            a_tenant().dex().with(unserved),
            a_connector("mock"),
            true,
            true,
        ),
    ];
    for (why, scopes, client, spec, connector, can, expected) in rows {
        let (client, spec) = (client.build(), spec.build());
        let scopes = Scopes::parse(scopes);
        let gets = gets_refresh_token(&scopes, &client, &spec, &connector, can);
        assert_eq!(gets, expected, "{why}");
    }
}

#[test]
fn a_request_that_lost_the_race_to_rotate_condemns_nobody_however_long_it_was_held_up() {
    let hour = Duration::from_hours(1);
    let grant = a_grant(0).grant_id;
    let (once, twice) = (Case::of(a_tenant(), 1), Case::of(a_tenant(), 2));
    assert_eq!(once.told_late(&token(0), hour), Ok(RefreshUse::Repeat));
    let obsolete = Err(Refusal::RefreshObsolete {
        grant: grant.clone(),
    });
    assert_eq!(twice.told_late(&token(0), hour), obsolete);
    let reused = Err(Refusal::RefreshReused { grant });
    assert_eq!(once.told(&token(0), hour), reused, "any other is stolen");
    let dex = Case::of(a_tenant().dex(), 1);
    assert_eq!(dex.told_late(&token(0), hour), obsolete);
}

#[test]
fn a_grant_that_was_long_on_its_way_is_judged_by_when_it_was_asked_for() {
    let case = Case::of(a_tenant(), 1);
    let judged = |asked_s: u64, judged_s: u64| {
        let facts = RefreshFacts {
            spec: &case.spec,
            keys: &test_keys(),
            client: &case.client,
            grant: &RefreshGrant {
                last_used_at: NOW + 10 * SECOND,
                ..case.grant.clone()
            },
            came_at: NOW + Duration::from_secs(judged_s),
            asked_at: NOW + Duration::from_secs(asked_s),
            was_current: false,
        };
        refresh_token(&token(0), facts, NOW + Duration::from_secs(judged_s))
    };
    for (asked, answered) in [(12, 72), (10, 14), (0, 60)] {
        assert_eq!(judged(asked, answered), Ok(RefreshUse::Repeat), "{asked} s");
    }
    for (asked, answered) in [(14, 14), (0, 6)] {
        let told = judged(asked, answered);
        assert!(
            matches!(told, Err(Refusal::RefreshReused { .. })),
            "{asked} s"
        );
    }
}

#[test]
fn a_request_that_was_overtaken_before_its_grant_was_read_condemns_nobody() {
    let case = Case::of(a_tenant(), 2);
    let keys = test_keys();
    let judged = |came_s: u64, used_s: u64| {
        let facts = RefreshFacts {
            spec: &case.spec,
            keys: &keys,
            client: &case.client,
            grant: &RefreshGrant {
                last_used_at: NOW + Duration::from_secs(used_s),
                ..case.grant.clone()
            },
            came_at: NOW + Duration::from_secs(came_s),
            asked_at: NOW + Duration::from_secs(came_s),
            was_current: false,
        };
        refresh_token(&token(0), facts, NOW + 20 * SECOND)
    };
    let obsolete = judged(0, 10);
    assert!(matches!(obsolete, Err(Refusal::RefreshObsolete { .. })));
    for (came, used) in [(10, 10), (15, 10), (0, 30)] {
        let told = judged(came, used);
        assert!(matches!(told, Err(Refusal::RefreshReused { .. })), "{came}");
    }
}

/// The plan of a refresh by the client `app`, whose scopes name nobody that exists.
fn planned<'a>(
    grant: &'a RefreshGrant,
    scopes: &'a Scopes,
    spec: &TenantSpec,
) -> Result<TokenPlan<'a>, Refusal> {
    let asker = Asker {
        client: &a_client().build(),
        peers: &Peers::default(),
        resources: &[],
    };
    refresh_plan(grant, scopes, asker, spec)
}

#[test]
fn a_refresh_is_good_for_the_scopes_asked_for_and_tells_the_token_of_its_own_grant() {
    let grant = a_grant(3);
    for (spec, nonce) in [
        (a_tenant().build(), None),
        (a_tenant().dex().build(), Some("n-0S6_WzA2Mj")),
    ] {
        let always = spec.rules.gives_id_token_without_openid;
        for scopes in ["openid email", "email"] {
            let scopes = Scopes::parse(scopes);
            let plan = planned(&grant, &scopes, &spec).unwrap();
            assert_eq!(plan.scopes, &scopes);
            assert_eq!(plan.nonce, nonce);
            assert_eq!(plan.refresh, Some(Cow::Borrowed(&grant)));
            assert_eq!(plan.id_token.is_some(), scopes.openid() || always);
            assert!(plan.id_token.is_none_or(|id_token| id_token.code.is_none()));
        }
    }
}

#[test]
fn a_refresh_for_a_peer_that_withdrew_its_trust_is_refused() {
    let (grant, spec) = (a_grant(1), a_tenant().build());
    let scopes = Scopes::parse("openid audience:server:client_id:api");
    let told = planned(&grant, &scopes, &spec);
    let peers = vec!["audience:server:client_id:api".to_owned()];
    assert_eq!(told, Err(Refusal::UntrustedAudience(peers)));
}
