use std::sync::Mutex;

use async_trait::async_trait;
use insula_ambient::SeededEntropy;
use insula_engine::{Evidence, Refusal};
use insula_jose::RotationPolicy;
use insula_testkit::{NOW, a_client, a_code_grant, a_tenant, test_key, test_rotation};

use super::*;
use crate::testing::{
    NoKeys, app, claims_of, code_form, exchange, fault, refusal, tokens, userinfo_of, view,
    with_code,
};
use crate::{Effects, MakeKeys, userinfo};

/// A tenant's actor that has the promised key, and notes what it was asked for.
struct Actor {
    ring: Arc<KeyRing>,
    asked: Mutex<Vec<Alg>>,
}

#[async_trait]
impl MakeKeys for Actor {
    async fn ring_with(&self, alg: Alg) -> Option<Arc<KeyRing>> {
        self.asked.lock().unwrap().push(alg);
        Some(Arc::clone(&self.ring))
    }
}

fn policy() -> RotationPolicy {
    RotationPolicy {
        algs: vec![Alg::RS256, Alg::ES256],
        ..test_rotation()
    }
}

/// A ring that promises its RS256 key, and the same with it.
fn rings() -> (KeyRing, KeyRing) {
    let empty = KeyRing::empty(&SeededEntropy::new(1)).promising(Alg::RS256);
    let promising = empty.with_active(test_key(Alg::ES256, "es"), NOW, &policy());
    let made = promising.with_active(test_key(Alg::RS256, "rs"), NOW, &policy());
    (promising, made)
}

fn with_ring(view: &TenantView, ring: KeyRing, keys: Arc<dyn MakeKeys>) -> TenantView {
    TenantView {
        keys: Arc::new(ring),
        rotation: Arc::new(policy()),
        effects: Effects {
            promised_keys: keys,
            ..view.effects.clone()
        },
        ..view.clone()
    }
}

fn actor() -> Arc<Actor> {
    Arc::new(Actor {
        ring: Arc::new(rings().1),
        asked: Mutex::default(),
    })
}

fn kid_of(token: &str) -> String {
    let header = token.split('.').next().unwrap();
    let header = data_encoding::BASE64URL_NOPAD.decode(header.as_bytes());
    let header: serde_json::Value = serde_json::from_slice(&header.unwrap()).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_key_that_is_promised_is_asked_for_by_the_first_token_it_signs_and_by_no_other() {
    for (asks_for, kid, asked) in [
        (None, "rs", vec![Alg::RS256]),
        (Some(Alg::ES256), "es", vec![]),
    ] {
        let mut client = a_client().with_access_tokens_by(Alg::ES256);
        if let Some(alg) = asks_for {
            client = client.with_id_tokens_by(alg);
        }
        let (plain, _) = view(a_tenant().with_client(client));
        let actor = actor();
        let view = with_ring(&plain, rings().0, Arc::clone(&actor) as _);
        let answer = tokens(&view).await;
        assert_eq!(kid_of(answer.id_token.as_deref().unwrap()), kid);
        assert_eq!(kid_of(&answer.access_token), "es");
        assert_eq!(*actor.asked.lock().unwrap(), asked);
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_had_costs_nobody_their_code() {
    let (plain, _) = view(a_tenant());
    let (promising, made) = rings();
    let without = with_ring(&plain, promising, Arc::new(NoKeys));
    with_code(&without, "code", &a_code_grant()).await;
    let answer = exchange(&without, Some(&app()), &code_form("code")).await;
    let told = fault(answer);
    assert!(matches!(told, Fault::KeyNotReady) && told.is_temporary());
    let with = with_ring(&plain, made, Arc::new(NoKeys));
    let answer = exchange(&with, Some(&app()), &code_form("code")).await;
    assert!(answer.is_ok());
}

#[tokio::test]
async fn a_token_whose_key_another_process_made_is_known_here() {
    let dex = a_tenant().dex();
    let (plain, _) = view(dex);
    let (promising, made) = rings();
    let there = with_ring(&plain, made, Arc::new(NoKeys));
    let token = tokens(&there).await.access_token;
    assert_eq!(kid_of(&token), "rs");

    let actor = actor();
    let here = with_ring(&plain, promising.clone(), Arc::clone(&actor) as _);
    let known = userinfo_of(&here, &token).await.unwrap();
    assert_eq!(known["sub"], claims_of(&token)["sub"]);
    // A key nobody promised is not asked for, nor one by a token that is none.
    for stranger in ["e30.e30.e30", "nonsense"] {
        assert_eq!(
            refusal(userinfo_of(&here, stranger).await),
            Refusal::BearerInvalid
        );
    }
    assert_eq!(*actor.asked.lock().unwrap(), [Alg::RS256]);
    // Where it cannot be had the token is unknown, and no fault.
    let nowhere = with_ring(&plain, promising, Arc::new(NoKeys));
    let without = userinfo::answer(&nowhere, &Evidence::default()).await;
    assert_eq!(refusal(without), Refusal::BearerMissing);
    assert_eq!(
        refusal(userinfo_of(&nowhere, &token).await),
        Refusal::BearerInvalid
    );
}

#[tokio::test]
async fn the_keys_are_handed_out_when_all_that_are_promised_are_made() {
    let (plain, _) = view(a_tenant());
    let (promising, made) = rings();
    let actor = actor();
    let view = with_ring(&plain, promising.clone(), Arc::clone(&actor) as _);
    assert!(have_promised_keys_made(&view).await);
    assert_eq!(*actor.asked.lock().unwrap(), [Alg::RS256]);
    let whole = with_ring(&plain, made, Arc::new(NoKeys));
    assert!(have_promised_keys_made(&whole).await);
    let without = with_ring(&plain, promising, Arc::new(NoKeys));
    assert!(!have_promised_keys_made(&without).await);
}

#[tokio::test]
async fn while_an_algorithm_is_announced_the_first_stands_in_for_it_and_nobody_is_turned_away() {
    let both = RotationPolicy {
        algs: vec![Alg::ES256, Alg::EdDSA],
        ..test_rotation()
    };
    let ring = KeyRing::empty(&SeededEntropy::new(1));
    let ring = ring.with_active(test_key(Alg::ES256, "es"), NOW, &both);
    let ring = ring.with_announced(test_key(Alg::EdDSA, "ed"), NOW);
    let promoted = ring.promoted(&insula_jose::KeyId::new("ed"), NOW, &both);
    for (ring, kid) in [(ring, "es"), (promoted, "ed")] {
        let client = a_client().with_id_tokens_by(Alg::EdDSA);
        let (plain, _) = view(a_tenant().with_client(client));
        let view = TenantView {
            keys: Arc::new(ring),
            rotation: Arc::new(both.clone()),
            ..plain.clone()
        };
        let answer = tokens(&view).await;
        assert_eq!(kid_of(answer.id_token.as_deref().unwrap()), kid);
    }
}
