use insula_store::{Durable as _, LastGoodDocuments as _};
use insula_testkit::a_tenant;

use super::world::{World, id, in_world, tenant, until, until_status};
use crate::{Tenancy, TenantPhase};

/// A process that served the tenant ended, and another starts over a broken document.
async fn started_over_a_broken_document(world: &World) -> Tenancy {
    world.files.write(tenant("acme"));
    world.files.write(tenant("globex"));
    let one = world.tenancy().await;
    one.activate(&id("acme")).await.unwrap();
    one.shutdown().await;
    world.files.spoil("acme", "line 3: it is broken");
    world.tenancy().await
}

#[test]
fn a_process_that_starts_over_a_broken_document_serves_the_last_good_one_and_says_so() {
    in_world(async |world| {
        let two = started_over_a_broken_document(&world).await;
        let status = two.status(&id("acme")).await.unwrap();
        assert_eq!(status.phase, TenantPhase::Asleep);
        assert!(status.on_last_good);
        assert!(status.next_step.contains("insula check"), "{status:?}");
        assert_eq!(*two.on_last_good(), [id("acme")]);
        assert_eq!(two.metrics().on_last_good.get(), 1);

        let lookup = two.directory().lookup("acme.test", "/");
        assert!(matches!(lookup, crate::Lookup::Asleep(_)), "{lookup:?}");
        let handle = two.activate(&id("acme")).await.unwrap();
        assert_eq!(&*handle.snapshot().fingerprint, "document 0");
        let status = until_status(&two, "acme", |status| status.last_error.is_some()).await;
        assert!(status.last_error.unwrap().contains("line 3"));
        assert_eq!(status.phase, TenantPhase::Serving);
        let other = two.status(&id("globex")).await.unwrap();
        assert!(!other.on_last_good);

        world.files.write(tenant("acme"));
        two.rescan().await.unwrap();
        let status = until_status(&two, "acme", |status| status.last_error.is_none()).await;
        assert!(!status.on_last_good);
        assert_eq!(
            (two.on_last_good().len(), two.metrics().on_last_good.get()),
            (0, 0)
        );
        two.shutdown().await;
    });
}

#[test]
fn what_is_kept_is_sealed_and_opens_under_its_master_key_alone() {
    in_world(async |world| {
        let two = started_over_a_broken_document(&world).await;
        let sealed = world.store.last_good(&id("acme")).await.unwrap().unwrap();
        assert!(!sealed.windows(6).any(|seen| seen == b"native"));
        two.shutdown().await;

        let mut other = world.clone();
        let entropy = insula_ambient::SystemEntropy;
        other.master_key = std::sync::Arc::new(insula_jose::MasterKey::generate(&entropy));
        let three = other.tenancy().await;
        assert!(three.on_last_good().is_empty());
        let lookup = three.directory().lookup("acme.test", "/");
        assert!(matches!(lookup, crate::Lookup::Unknown), "{lookup:?}");
        three.shutdown().await;
    });
}

#[test]
fn a_last_good_document_that_does_not_serve_any_more_is_told_of_and_not_served() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        let one = world.tenancy().await;
        one.activate(&id("acme")).await.unwrap();
        one.shutdown().await;
        world.files.forget_documents();
        world.files.spoil("acme", "line 3: it is broken");
        let two = world.tenancy().await;
        assert!(two.on_last_good().is_empty());
        let report = two.rescan().await.unwrap();
        assert!(report.problems[0].contains("acme"), "{report:?}");
        two.shutdown().await;
    });
}

#[test]
fn a_tenant_that_is_removed_leaves_no_last_good_document() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        world.files.write(tenant("globex"));
        let one = world.tenancy().await;
        one.activate(&id("acme")).await.unwrap();
        one.activate(&id("globex")).await.unwrap();
        world.files.remove("acme");
        one.rescan().await.unwrap();
        one.shutdown().await;
        assert_eq!(world.store.last_good(&id("acme")).await.unwrap(), None);
        assert!(
            world
                .store
                .last_good(&id("globex"))
                .await
                .unwrap()
                .is_some()
        );
        let owner = world.store.owners().await.unwrap();
        assert_eq!(owner.len(), 2, "its rows stay");
    });
}

#[test]
fn whoever_is_given_the_name_of_a_tenant_that_is_gone_is_not_served_by_what_it_said() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        let tenancy = world.tenancy().await;
        tenancy.activate(&id("acme")).await.unwrap();
        world.files.remove("acme");
        tenancy.rescan().await.unwrap();

        // Somebody else's, which turns bad before it was asked for.
        let other = a_tenant().at("acme", "https://other.test").build();
        world.files.write(other);
        tenancy.rescan().await.unwrap();
        world.files.spoil("acme", "line 3: it is broken");
        tenancy.rescan().await.unwrap();
        until(async || {
            let kept = world.store.last_good(&id("acme")).await.unwrap();
            kept.is_none().then_some(())
        })
        .await;
        let woken = tenancy.activate(&id("acme")).await;
        let served = woken.map(|handle| handle.snapshot().view.spec.issuer.clone());
        assert!(served.is_err(), "{served:?}");
        tenancy.shutdown().await;
    });
}

#[test]
fn a_tenant_that_could_not_even_be_found_leaves_no_last_good_document_when_it_is_removed() {
    in_world(async |world| {
        let two = started_over_a_broken_document(&world).await;
        two.shutdown().await;
        world.files.forget_documents();
        let three = world.tenancy().await;
        assert!(three.on_last_good().is_empty());
        world.files.remove("acme");
        let report = three.rescan().await.unwrap();
        assert_eq!((report.left, report.problems), (1, Vec::new()));
        three.shutdown().await;
        assert_eq!(world.store.last_good(&id("acme")).await.unwrap(), None);
    });
}
