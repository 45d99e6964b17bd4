use std::sync::Arc;

use insula_model::{IdentityClaims, TokenHash};
use insula_oauth::Scopes;

use super::records::{HOUR, MS, NOON, a_tenant, at_once, claims, client, connector, user};
use crate::{Durable, UpgradedPassword};

pub async fn an_unknown_person_is_not_found(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let found = tenant
        .find_identity(&connector("local"), &user("nobody"))
        .await
        .unwrap();
    assert_eq!(found, None);
}

pub async fn a_login_is_recorded_with_all_the_connector_says(durable: Arc<dyn Durable>) {
    let (tenant, local) = (a_tenant(&durable), connector("local"));
    let said = claims("jane");
    tenant
        .record_login(&local, &said, None, NOON)
        .await
        .unwrap();
    let jane = tenant.find_identity(&local, &user("jane")).await.unwrap();
    let jane = jane.unwrap();
    assert_eq!((jane.connector_id, jane.claims), (local, said));
    assert_eq!((jane.first_login_at, jane.last_login_at), (NOON, NOON));
    assert!(jane.consents.is_empty());
}

pub async fn a_later_login_brings_new_claims_and_keeps_the_first_time(durable: Arc<dyn Durable>) {
    let (tenant, local) = (a_tenant(&durable), connector("local"));
    tenant
        .record_login(&local, &claims("jane"), None, NOON)
        .await
        .unwrap();
    let renamed = IdentityClaims {
        username: "Jane Roe".into(),
        groups: vec![],
        ..claims("jane")
    };
    tenant
        .record_login(&local, &renamed, None, NOON + HOUR)
        .await
        .unwrap();
    let jane = tenant.find_identity(&local, &user("jane")).await.unwrap();
    let jane = jane.unwrap();
    assert_eq!(jane.claims, renamed);
    assert_eq!(
        (jane.first_login_at, jane.last_login_at),
        (NOON, NOON + HOUR)
    );
}

pub async fn a_late_login_does_not_turn_the_clock_back(durable: Arc<dyn Durable>) {
    let (tenant, local, app) = (a_tenant(&durable), connector("local"), client("app"));
    let scopes = Scopes::parse("email");
    for (at, consent) in [(NOON + HOUR, None), (NOON, Some((&app, &scopes)))] {
        tenant
            .record_login(&local, &claims("jane"), consent, at)
            .await
            .unwrap();
    }
    let jane = tenant.find_identity(&local, &user("jane")).await.unwrap();
    let jane = jane.unwrap();
    assert_eq!(jane.last_login_at, NOON + HOUR);
    assert!(jane.consents.contains_key(&app));
}

pub async fn consents_add_up_per_client(durable: Arc<dyn Durable>) {
    let (tenant, local) = (a_tenant(&durable), connector("local"));
    let (app, shop) = (client("app"), client("shop \"ü\""));
    for (to, scopes) in [
        (&app, "openid email"),
        (&shop, "openid"),
        (&app, "openid groups"),
    ] {
        let scopes = Scopes::parse(scopes);
        let consent = Some((to, &scopes));
        tenant
            .record_login(&local, &claims("jane"), consent, NOON)
            .await
            .unwrap();
    }
    let jane = tenant.find_identity(&local, &user("jane")).await.unwrap();
    let consents = jane.unwrap().consents;
    assert_eq!(consents[&app].to_string(), "openid email groups");
    assert_eq!(consents[&shop].to_string(), "openid");
}

pub async fn a_login_without_consent_keeps_what_was_allowed(durable: Arc<dyn Durable>) {
    let (tenant, local, app) = (a_tenant(&durable), connector("local"), client("app"));
    let scopes = Scopes::parse("openid email");
    for (consent, at) in [(Some((&app, &scopes)), NOON), (None, NOON + HOUR)] {
        tenant
            .record_login(&local, &claims("jane"), consent, at)
            .await
            .unwrap();
    }
    let jane = tenant.find_identity(&local, &user("jane")).await.unwrap();
    assert_eq!(jane.unwrap().consents[&app], scopes);
}

pub async fn a_hundred_logins_at_once_lose_no_consent(durable: Arc<dyn Durable>) {
    let (tenant, local) = (a_tenant(&durable), connector("local"));
    at_once(100, |n| {
        let (tenant, local) = (Arc::clone(&tenant), local.clone());
        async move {
            let app = client(&format!("app-{n}"));
            let scopes = Scopes::parse(&format!("openid scope-{n}"));
            let consent = Some((&app, &scopes));
            tenant
                .record_login(&local, &claims("jane"), consent, NOON)
                .await
                .unwrap();
        }
    })
    .await;
    let jane = tenant.find_identity(&local, &user("jane")).await.unwrap();
    let consents = jane.unwrap().consents;
    assert_eq!(consents.len(), 100);
    for n in 0..100 {
        let allowed = &consents[&client(&format!("app-{n}"))];
        assert_eq!(allowed.to_string(), format!("openid scope-{n}"));
    }
}

pub async fn user_ids_that_look_alike_are_different_people(durable: Arc<dyn Durable>) {
    let (tenant, local) = (a_tenant(&durable), connector("local"));
    let alike = [
        "jane",
        "Jane",
        "JANE",
        "jane ",
        " jane",
        "jäne",
        "ja\u{308}ne",
        "jane\u{200b}",
    ];
    for (n, id) in alike.iter().enumerate() {
        let said = IdentityClaims {
            username: format!("person {n}"),
            ..claims(id)
        };
        tenant
            .record_login(&local, &said, None, NOON)
            .await
            .unwrap();
    }
    for (n, id) in alike.iter().enumerate() {
        let found = tenant.find_identity(&local, &user(id)).await.unwrap();
        assert_eq!(found.unwrap().claims.username, format!("person {n}"));
    }
}

pub async fn ids_and_claims_at_their_limits_come_back_whole(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let far = connector(&"c".repeat(128));
    for id in ["u".repeat(255), "🛠".repeat(63)] {
        let said = IdentityClaims {
            username: "ж".repeat(2_000),
            groups: (0..5_000).map(|n| format!("grüppe-{n}-{n:032}")).collect(),
            ..claims(&id)
        };
        let (app, scopes) = (client(&"ä".repeat(127)), Scopes::parse(&"s".repeat(2_000)));
        tenant
            .record_login(&far, &said, Some((&app, &scopes)), NOON)
            .await
            .unwrap();
        let found = tenant
            .find_identity(&far, &user(&id))
            .await
            .unwrap()
            .unwrap();
        assert_eq!((found.connector_id, found.claims), (far.clone(), said));
        assert_eq!(found.consents[&app], scopes);
    }
}

pub async fn the_same_user_id_of_two_connectors_is_two_people(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    for (from, at) in [("local", NOON), ("Local", NOON + MS)] {
        tenant
            .record_login(&connector(from), &claims("jane"), None, at)
            .await
            .unwrap();
    }
    for (from, at) in [("local", NOON), ("Local", NOON + MS)] {
        let found = tenant
            .find_identity(&connector(from), &user("jane"))
            .await
            .unwrap();
        assert_eq!(found.unwrap().first_login_at, at);
    }
}

fn upgraded(email: &str, hash: &str) -> UpgradedPassword {
    UpgradedPassword {
        email: email.into(),
        replaces: TokenHash::of("$2a$10$old"),
        hash: hash.into(),
    }
}

pub async fn an_upgraded_password_replaces_an_earlier_one(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let email = "jane@example.test";
    assert_eq!(tenant.find_upgraded_password(email).await.unwrap(), None);
    for hash in ["$argon2id$v=19$one", "$argon2id$v=19$two"] {
        let upgrade = upgraded(email, hash);
        tenant.upgrade_password(&upgrade, None).await.unwrap();
        let found = tenant.find_upgraded_password(email).await.unwrap();
        assert_eq!(found, Some(upgrade));
    }
}

pub async fn login_names_are_compared_letter_by_letter(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let upgrade = upgraded("jane@example.test", "$argon2id$");
    tenant.upgrade_password(&upgrade, None).await.unwrap();
    for other in [
        "Jane@example.test",
        "jane@example.test ",
        "jäne@example.test",
    ] {
        assert_eq!(tenant.find_upgraded_password(other).await.unwrap(), None);
    }
}
