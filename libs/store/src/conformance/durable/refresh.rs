use std::sync::Arc;

use insula_model::{CacheEpoch, CodeClaim, IdentityClaims, Login, RefreshGrant, RefreshId};
use insula_oauth::Scopes;

use super::records::{
    HOUR, MS, NOON, a_tenant, at_once, claims, client, connector, grant_id, refresh, user,
};
use crate::{Durable, NotedRedemption, Redemption, RefreshRotation};

fn id(word: &str) -> RefreshId {
    RefreshId::parse(word).unwrap()
}

/// The next generation of a grant, used an hour later.
fn next(grant: &RefreshGrant) -> RefreshGrant {
    RefreshGrant {
        generation: grant.generation + 1,
        answered: false,
        last_used_at: grant.last_used_at + HOUR,
        expires_at: grant.expires_at + HOUR,
        ..grant.clone()
    }
}

/// A redemption that had been noted before.
fn repeated(
    claim: Option<&CodeClaim>,
    answered: bool,
    refresh: Option<&RefreshGrant>,
) -> Redemption {
    Redemption::Repeated(NotedRedemption {
        claim: claim.cloned(),
        answered,
        refresh: refresh.cloned().map(Box::new),
    })
}

pub async fn a_refresh_grant_comes_back_as_it_was_stored(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let grant = refresh("r1", "g1");
    tenant.add_refresh(&grant, None).await.unwrap();
    let found = tenant.find_refresh(&id("r1")).await.unwrap();
    assert_eq!(found, Some(grant));
    for other in ["r2", "R1"] {
        assert_eq!(tenant.find_refresh(&id(other)).await.unwrap(), None);
    }
}

pub async fn a_refresh_grant_without_optional_parts_comes_back_without_them(
    durable: Arc<dyn Durable>,
) {
    let tenant = a_tenant(&durable);
    let mut grant = refresh("r1", "g1");
    grant.nonce = None;
    grant.login.amr = vec![];
    grant.login.session_id = None;
    grant.login.connector_data = None;
    grant.generation = u32::MAX;
    tenant.add_refresh(&grant, None).await.unwrap();
    let found = tenant.find_refresh(&grant.id).await.unwrap();
    assert_eq!(found, Some(grant));

    let mut large = refresh("r2", "g2");
    large.nonce = Some("ñ\0\n".repeat(4_000));
    large.scopes = Scopes::parse(&"scope ".repeat(1_000));
    large.login.connector_data = Some(vec![7; 100_000]);
    large.login.claims.groups = (0..5_000).map(|n| format!("group-{n:032}")).collect();
    tenant.add_refresh(&large, None).await.unwrap();
    let found = tenant.find_refresh(&large.id).await.unwrap();
    assert_eq!(found, Some(large));
}

pub async fn an_expired_refresh_grant_is_still_found(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let mut grant = refresh("r1", "g1");
    grant.expires_at = grant.created_at;
    tenant.add_refresh(&grant, None).await.unwrap();
    let found = tenant.find_refresh(&grant.id).await.unwrap();
    assert_eq!(found, Some(grant));
}

pub async fn a_refresh_id_is_given_out_once(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let grant = refresh("r1", "g1");
    tenant.add_refresh(&grant, None).await.unwrap();
    assert!(
        tenant
            .add_refresh(&refresh("r1", "g2"), None)
            .await
            .is_err()
    );
    let found = tenant.find_refresh(&grant.id).await.unwrap();
    assert_eq!(found, Some(grant));
}

pub async fn a_family_begins_one_refresh_grant_however_often_it_is_added(
    durable: Arc<dyn Durable>,
) {
    let tenant = a_tenant(&durable);
    let grant = refresh("r1", "g1");
    let added = at_once(20, |_| {
        let (tenant, grant) = (Arc::clone(&tenant), grant.clone());
        async move { tenant.add_refresh(&grant, None).await.unwrap() }
    })
    .await;
    let first = |r: &&Redemption| **r == Redemption::First;
    assert_eq!(added.iter().filter(first).count(), 1);
    let stands = repeated(None, grant.answered, Some(&grant));
    assert_eq!(added.iter().filter(|r| **r == stands).count(), 19);

    let rotation = tenant.rotate_refresh(0, &next(&grant)).await.unwrap();
    assert_eq!(rotation, RefreshRotation::Rotated);
    let again = tenant.add_refresh(&grant, None).await.unwrap();
    let stands = repeated(None, true, Some(&next(&grant)));
    assert_eq!(again, stands, "nothing was turned back");
}

pub async fn a_revoked_family_is_not_begun_again(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let grant = refresh("r1", "g1");
    tenant.add_refresh(&grant, None).await.unwrap();
    let revoked = tenant.revoke_grant(&grant.grant_id, NOON + HOUR).await;
    revoked.unwrap();
    let again = tenant.add_refresh(&grant, None).await.unwrap();
    assert_eq!(again, repeated(None, grant.answered, None));
    assert_eq!(tenant.find_refresh(&grant.id).await.unwrap(), None);
}

pub async fn a_redemption_is_noted_once_and_for_one_tenant(durable: Arc<dyn Durable>) {
    let (tenant, other) = (a_tenant(&durable), a_tenant(&durable));
    let noted = at_once(20, |_| {
        let tenant = Arc::clone(&tenant);
        async move {
            tenant
                .note_redeemed(&grant_id("g1"), None, NOON + HOUR)
                .await
        }
    })
    .await;
    let noted: Vec<_> = noted.into_iter().map(Result::unwrap).collect();
    let first = |r: &&Redemption| **r == Redemption::First;
    assert_eq!(noted.iter().filter(first).count(), 1);
    let before = repeated(None, false, None);
    assert_eq!(noted.iter().filter(|r| **r == before).count(), 19);
    for (tenant, family) in [(&tenant, "G1"), (&other, "g1")] {
        let noted = tenant
            .note_redeemed(&grant_id(family), None, NOON + HOUR)
            .await;
        assert_eq!(noted.unwrap(), Redemption::First, "{family}");
    }
}

pub async fn a_redemption_tells_the_claim_it_was_first_noted_with(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let claim = |epoch: &str, number| {
        let epoch = CacheEpoch::parse(epoch)?;
        Some(CodeClaim { epoch, number })
    };
    let longest = "e".repeat(CacheEpoch::MOST_BYTES);
    let claims = [claim(&longest, u32::MAX), claim("e", 1), None];
    for (n, claimed) in claims.iter().enumerate() {
        let (claimed, other) = (claimed.as_ref(), claim("another", 7));
        let mut grant = refresh(&format!("r{n}"), &format!("g{n}"));
        grant.answered = false;
        let added = tenant.add_refresh(&grant, claimed).await;
        assert_eq!(added.unwrap(), Redemption::First);
        let added = tenant.add_refresh(&grant, other.as_ref()).await;
        assert_eq!(added.unwrap(), repeated(claimed, false, Some(&grant)));

        let (family, until) = (grant_id(&format!("without{n}")), NOON + HOUR);
        let noted = tenant.note_redeemed(&family, claimed, until).await;
        assert_eq!(noted.unwrap(), Redemption::First);
        let noted = tenant.note_redeemed(&family, other.as_ref(), until).await;
        assert_eq!(noted.unwrap(), repeated(claimed, false, None));
    }
}

pub async fn of_a_hundred_who_take_the_answer_of_a_redemption_one_gets_it(
    durable: Arc<dyn Durable>,
) {
    let (tenant, other) = (a_tenant(&durable), a_tenant(&durable));
    let mut grant = refresh("r1", "g1");
    grant.answered = false;
    let (family, at) = (grant_id("g2"), grant.last_used_at + MS);
    for tenant in [&tenant, &other] {
        tenant.add_refresh(&grant, None).await.unwrap();
        let noted = tenant.note_redeemed(&family, None, NOON + HOUR).await;
        noted.unwrap();
    }
    let taken = at_once(100, |n| {
        let (tenant, id, family) = (Arc::clone(&tenant), grant.id.clone(), family.clone());
        async move {
            if n % 2 == 0 {
                tenant.take_refresh_answer(&id, at).await.unwrap()
            } else {
                tenant.take_answer(&family, at).await.unwrap()
            }
        }
    })
    .await;
    for half in 0..2 {
        let of_half = taken.iter().skip(half).step_by(2);
        assert_eq!(of_half.filter(|taken| **taken).count(), 1);
    }
    let told = RefreshGrant {
        answered: true,
        last_used_at: at,
        ..grant.clone()
    };
    let again = tenant.add_refresh(&grant, None).await.unwrap();
    assert_eq!(again, repeated(None, true, Some(&told)));
    let again = tenant.note_redeemed(&family, None, NOON + HOUR).await;
    assert_eq!(again.unwrap(), repeated(None, true, None));
    assert!(other.take_refresh_answer(&grant.id, at).await.unwrap());
    assert!(other.take_answer(&family, at).await.unwrap());
    assert!(!tenant.take_refresh_answer(&id("r2"), at).await.unwrap());
    assert!(!tenant.take_answer(&grant_id("g3"), at).await.unwrap());
}

pub async fn the_answer_of_a_redemption_whose_token_was_used_is_not_taken(
    durable: Arc<dyn Durable>,
) {
    let tenant = a_tenant(&durable);
    let mut grant = refresh("r1", "g1");
    grant.answered = false;
    tenant.add_refresh(&grant, None).await.unwrap();
    tenant.rotate_refresh(0, &next(&grant)).await.unwrap();
    let taken = tenant.take_refresh_answer(&grant.id, NOON + HOUR).await;
    assert!(!taken.unwrap());
    let found = tenant.find_refresh(&grant.id).await.unwrap();
    assert_eq!(found, Some(next(&grant)));
}

pub async fn a_rotation_is_unanswered_until_that_is_noted(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let first = refresh("r1", "g1");
    tenant.add_refresh(&first, None).await.unwrap();
    let second = next(&first);
    tenant.rotate_refresh(0, &second).await.unwrap();
    let found = tenant.find_refresh(&first.id).await.unwrap();
    assert_eq!(found, Some(second.clone()));
    let at = second.last_used_at + MS;
    for (generation, answered) in [(0, false), (2, false), (1, true)] {
        let noted = tenant.note_answered(&first.id, generation, at).await;
        noted.unwrap();
        let found = tenant.find_refresh(&first.id).await.unwrap().unwrap();
        assert_eq!(found.answered, answered, "generation {generation}");
    }
    let found = tenant.find_refresh(&first.id).await.unwrap().unwrap();
    assert_eq!(found.last_used_at, at, "the moment of the answer");

    let used = RefreshGrant {
        last_used_at: at + HOUR,
        ..found.clone()
    };
    tenant.rotate_refresh(1, &used).await.unwrap();
    let found = tenant.find_refresh(&first.id).await.unwrap();
    assert_eq!(found, Some(used), "a use without rotation stays answered");
    let third = RefreshGrant {
        generation: 2,
        ..next(&first)
    };
    tenant.rotate_refresh(1, &third).await.unwrap();
    let found = tenant.find_refresh(&first.id).await.unwrap().unwrap();
    assert!(!found.answered, "each rotation is answered by itself");
    let unknown = tenant.note_answered(&id("r2"), 0, at).await;
    unknown.unwrap();
}

pub async fn a_rotation_changes_what_it_may_and_nothing_else(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let first = refresh("r1", "g1");
    tenant.add_refresh(&first, None).await.unwrap();
    let moved = RefreshGrant {
        login: Login {
            claims: IdentityClaims {
                email: "new@example.test".into(),
                ..claims("jane")
            },
            connector_data: Some(b"newer".to_vec()),
            auth_time: NOON + HOUR,
            amr: vec!["forged".into()],
            acr: Some("forged".into()),
            session_id: None,
            ..first.login.clone()
        },
        client_id: client("thief"),
        scopes: Scopes::parse("everything"),
        nonce: None,
        created_at: NOON + HOUR,
        ..next(&first)
    };
    let rotation = tenant.rotate_refresh(0, &moved).await.unwrap();
    assert_eq!(rotation, RefreshRotation::Rotated);
    let found = tenant.find_refresh(&first.id).await.unwrap().unwrap();
    let expected = RefreshGrant {
        login: Login {
            claims: moved.login.claims,
            connector_data: moved.login.connector_data,
            ..first.login.clone()
        },
        ..next(&first)
    };
    assert_eq!(found, expected);
}

pub async fn a_rotation_from_another_generation_is_lost(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let first = refresh("r1", "g1");
    tenant.add_refresh(&first, None).await.unwrap();
    let second = next(&first);
    let rotation = tenant.rotate_refresh(0, &second).await.unwrap();
    assert_eq!(rotation, RefreshRotation::Rotated);
    for stale in [0, 2] {
        let rotation = tenant.rotate_refresh(stale, &next(&second)).await.unwrap();
        assert_eq!(rotation, RefreshRotation::Lost);
    }
    let found = tenant.find_refresh(&first.id).await.unwrap();
    assert_eq!(found, Some(second));
}

pub async fn a_rotation_of_an_unknown_grant_is_lost(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let rotation = tenant
        .rotate_refresh(0, &next(&refresh("r1", "g1")))
        .await
        .unwrap();
    assert_eq!(rotation, RefreshRotation::Lost);
    assert_eq!(tenant.find_refresh(&id("r1")).await.unwrap(), None);
}

pub async fn of_a_hundred_rotations_of_one_generation_one_wins(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let grant = refresh("r1", "g1");
    tenant.add_refresh(&grant, None).await.unwrap();
    let rotations = at_once(100, |_| {
        let (tenant, next) = (Arc::clone(&tenant), next(&grant));
        async move { tenant.rotate_refresh(0, &next).await.unwrap() }
    })
    .await;
    let won = |r: &&RefreshRotation| **r == RefreshRotation::Rotated;
    assert_eq!(rotations.iter().filter(won).count(), 1);
    let found = tenant.find_refresh(&grant.id).await.unwrap();
    assert_eq!(found, Some(next(&grant)));
}

pub async fn revoking_takes_the_whole_family_and_no_other(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    for (word, family) in [("r1", "g1"), ("r2", "g1"), ("r3", "g2"), ("r4", "G1")] {
        tenant
            .add_refresh(&refresh(word, family), None)
            .await
            .unwrap();
    }
    assert!(!tenant.is_revoked(&grant_id("g1")).await.unwrap());
    tenant
        .revoke_grant(&grant_id("g1"), NOON + HOUR)
        .await
        .unwrap();
    for (word, lives) in [("r1", false), ("r2", false), ("r3", true), ("r4", true)] {
        let found = tenant.find_refresh(&id(word)).await.unwrap();
        assert_eq!(found.is_some(), lives, "{word}");
    }
    for (family, revoked) in [("g1", true), ("g2", false), ("G1", false)] {
        let answer = tenant.is_revoked(&grant_id(family)).await.unwrap();
        assert_eq!(answer, revoked, "{family}");
    }
}

pub async fn revoking_twice_is_once(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let revoked = at_once(20, |n| {
        let tenant = Arc::clone(&tenant);
        let until = NOON + HOUR * u32::try_from(n).unwrap();
        async move { tenant.revoke_grant(&grant_id("g1"), until).await }
    })
    .await;
    assert!(revoked.iter().all(Result::is_ok), "{revoked:?}");
    assert!(tenant.is_revoked(&grant_id("g1")).await.unwrap());
}

pub async fn a_revoked_family_cannot_be_rotated(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let grant = refresh("r1", "g1");
    tenant.add_refresh(&grant, None).await.unwrap();
    tenant
        .revoke_grant(&grant.grant_id, NOON + HOUR)
        .await
        .unwrap();
    let rotation = tenant.rotate_refresh(0, &next(&grant)).await.unwrap();
    assert_eq!(rotation, RefreshRotation::Lost);
}

/// A code replayed while its first redemption is still being answered: the revocation may come
/// before the grant it is meant for (RFC 6749 §4.1.2).
pub async fn a_grant_added_after_its_family_was_revoked_is_dead(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let grant = refresh("r1", "g1");
    tenant
        .revoke_grant(&grant.grant_id, NOON + HOUR)
        .await
        .unwrap();
    tenant.add_refresh(&grant, None).await.unwrap();
    assert_eq!(tenant.find_refresh(&grant.id).await.unwrap(), None);
    let rotation = tenant.rotate_refresh(0, &next(&grant)).await.unwrap();
    assert_eq!(rotation, RefreshRotation::Lost);
    let listed = tenant
        .refresh_grants_of(&connector("local"), &user("jane"), None)
        .await
        .unwrap();
    assert_eq!(listed, []);
}

pub async fn a_rotation_and_a_revocation_at_once_leave_no_grant(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    for n in 0..10 {
        let grant = refresh(&format!("r{n}"), &format!("g{n}"));
        tenant.add_refresh(&grant, None).await.unwrap();
        at_once(2, |who| {
            let (tenant, grant) = (Arc::clone(&tenant), grant.clone());
            async move {
                if who == 0 {
                    tenant.rotate_refresh(0, &next(&grant)).await.unwrap();
                } else {
                    tenant
                        .revoke_grant(&grant.grant_id, NOON + HOUR)
                        .await
                        .unwrap();
                }
            }
        })
        .await;
        assert_eq!(tenant.find_refresh(&grant.id).await.unwrap(), None);
    }
}

pub async fn grants_of_a_person_are_listed_newest_first_and_by_client(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let (local, jane) = (connector("local"), user("jane"));
    for (n, (word, of, to)) in [
        ("r1", "jane", "app"),
        ("r3", "jane", "shop"),
        ("r2", "jane", "app"),
        ("r4", "Jane", "app"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut grant = refresh(word, word);
        grant.login.claims = claims(of);
        grant.client_id = client(to);
        grant.created_at = NOON + MS * u32::try_from(n).unwrap();
        tenant.add_refresh(&grant, None).await.unwrap();
    }
    let cases = [
        (None, vec!["r2", "r3", "r1"]),
        (Some(client("app")), vec!["r2", "r1"]),
        (Some(client("App")), vec![]),
    ];
    for (client, expected) in cases {
        let listed = tenant
            .refresh_grants_of(&local, &jane, client.as_ref())
            .await
            .unwrap();
        let ids: Vec<_> = listed.iter().map(|grant| grant.id.as_str()).collect();
        assert_eq!(ids, expected);
    }
    let elsewhere = tenant
        .refresh_grants_of(&connector("mock"), &jane, None)
        .await
        .unwrap();
    assert_eq!(elsewhere, []);
}

pub async fn at_most_a_hundred_grants_are_listed(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    for n in 0..103_u32 {
        let mut grant = refresh(&format!("r{n}"), &format!("g{n}"));
        grant.created_at = NOON + MS * n;
        tenant.add_refresh(&grant, None).await.unwrap();
    }
    let listed = tenant
        .refresh_grants_of(&connector("local"), &user("jane"), None)
        .await
        .unwrap();
    assert_eq!(listed.len(), 100);
    assert_eq!(listed[0].id, id("r102"));
    assert_eq!(listed[99].id, id("r3"));
}
