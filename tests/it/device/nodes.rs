//! Two processes on one Redis: a device asks one, its person the other.

use insula_tests::{Agent, Deployment, service};

use super::{ACME, GLOBEX, asks, connects, dexs, ours, polls};
use crate::shared_server::{ADMIN, JANE};

#[tokio::test]
async fn a_device_asks_one_node_and_its_person_logs_in_at_the_other() {
    let (Some(database), Some(redis)) = (
        service("INSULA_TEST_POSTGRES"),
        service("INSULA_TEST_REDIS"),
    ) else {
        return;
    };
    let name = insula_tests::unique();
    let deployment = Deployment::build()
        .database(&database)
        .cache(&redis)
        .tenant(&format!("acme-{name}"), ACME)
        .tenant(&format!("globex-{name}"), GLOBEX)
        .done();
    let (one, other) = tokio::join!(deployment.open(), deployment.open_another());
    for (party, person) in [
        (ours(deployment.port, "tv", ""), JANE),
        (dexs(deployment.port, "cli", "cli-secret"), ADMIN),
    ] {
        let party = party.through(&[one.port]);
        let codes = asks(&party).await;
        assert_eq!(polls(&party, &codes).await.error(), "authorization_pending");
        let there = party.through(&[other.port]);
        assert_eq!(
            polls(&there, &codes).await.error(),
            "slow_down",
            "both count"
        );
        connects(&Agent::through(&[other.port]), &codes, &person).await;
        let here = there.through(&[one.port]);
        let tokens = here.read(&polls(&here, &codes).await.expect(200)).await;
        assert_eq!(here.userinfo(&tokens.access_token).await.status, 200);
        let again = polls(&here.through(&[other.port]), &codes).await;
        assert_eq!(again.status, 400);
    }
}
