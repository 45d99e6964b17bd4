use insula_connector_kit::connector_contract;
use insula_model::{Password, UserId};
use insula_oauth::Params;

use super::*;
use crate::testing::{FakeBook, a_clock, a_login, a_spec, an_open_context, jane};

fn local(book: FakeBook) -> (Local, Arc<FakeBook>) {
    let book = Arc::new(book);
    let ctx = OpenContext {
        passwords: book.clone(),
        ..an_open_context(&a_clock())
    };
    (Local::open(&a_spec("local", Memory::Null), &ctx), book)
}

async fn log_in(
    local: &Local,
    username: &str,
    password: &str,
) -> Result<UpstreamIdentity, ConnectorError> {
    let reply = Reply::Password {
        username: username.to_owned(),
        password: Password::new(password),
    };
    local.complete(&a_login(), &Memory::Null, reply).await
}

connector_contract!(contract, local(FakeBook::with(jane())), a_login());

#[tokio::test]
async fn it_asks_for_an_email_address() {
    let (local, _) = local(FakeBook::default());
    let challenge = local.begin(&a_login()).await.unwrap();
    let label = "Email Address".to_owned();
    assert_eq!(challenge, Challenge::AskPassword { label });
}

#[tokio::test]
async fn the_login_name_is_trimmed_and_lower_cased() {
    let (local, _) = local(FakeBook::with(jane()));
    let identity = log_in(&local, "  Jane@ACME.test ", "secret").await.unwrap();
    assert_eq!(identity.claims.user_id.as_str(), "u1");
    assert_eq!(identity.claims.username, "jane");
    assert_eq!(identity.claims.preferred_username, "jj");
    assert_eq!(identity.claims.email, "jane@acme.test");
    assert!(identity.claims.email_verified);
    assert_eq!(identity.claims.groups, ["staff"]);
    assert_eq!(identity.amr, ["pwd"]);
}

#[tokio::test]
async fn a_name_goes_before_a_username() {
    let record = PasswordRecord {
        name: Some("Jane Doe".to_owned()),
        ..jane()
    };
    let (local, _) = local(FakeBook::with(record));
    let identity = log_in(&local, "jane@acme.test", "secret").await.unwrap();
    assert_eq!(identity.claims.username, "Jane Doe");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_told_alike() {
    let (local, _) = local(FakeBook::with(jane()));
    for (name, password) in [("jane@acme.test", "wrong"), ("nobody@acme.test", "secret")] {
        let refused = log_in(&local, name, password).await;
        assert_eq!(refused, Err(ConnectorError::WrongPassword), "{name}");
    }
}

#[tokio::test]
async fn an_outdated_hash_is_replaced_at_login() {
    let record = PasswordRecord {
        hash: "old:secret".to_owned(),
        ..jane()
    };
    let (local, book) = local(FakeBook::with(record.clone()));
    log_in(&local, "jane@acme.test", "secret").await.unwrap();
    let stored = book.stored.lock().unwrap().clone();
    assert_eq!(
        stored,
        [("jane@acme.test".to_owned(), "new:secret".to_owned())]
    );
}

#[tokio::test]
async fn a_hash_that_cannot_be_replaced_keeps_nobody_out() {
    let record = PasswordRecord {
        hash: "old:secret".to_owned(),
        ..jane()
    };
    let (local, _) = local(FakeBook {
        refuses_upgrades: true,
        ..FakeBook::with(record)
    });
    assert!(log_in(&local, "jane@acme.test", "secret").await.is_ok());
}

#[tokio::test]
async fn a_refresh_reads_the_person_again() {
    let (before, _) = local(FakeBook::with(jane()));
    let known = log_in(&before, "jane@acme.test", "secret").await.unwrap();
    let (after, _) = local(FakeBook::with(PasswordRecord {
        groups: vec!["admins".to_owned()],
        ..jane()
    }));
    let refreshed = after.refresh(&a_login(), &known).await.unwrap();
    assert_eq!(refreshed.claims.groups, ["admins"]);
    assert_eq!(refreshed.amr, ["pwd"]);
}

#[tokio::test]
async fn a_person_who_is_gone_or_another_is_denied_a_refresh() {
    let (before, _) = local(FakeBook::with(jane()));
    let known = log_in(&before, "jane@acme.test", "secret").await.unwrap();
    let (gone, _) = local(FakeBook::default());
    let (another, _) = local(FakeBook::with(PasswordRecord {
        user_id: UserId::parse("u2").unwrap(),
        ..jane()
    }));
    for local in [gone, another] {
        let refused = local.refresh(&a_login(), &known).await;
        assert!(matches!(refused, Err(ConnectorError::Denied(_))));
    }
}

#[tokio::test]
async fn a_query_is_no_answer_to_a_password_prompt() {
    let (local, _) = local(FakeBook::default());
    let reply = Reply::Query(Params::default());
    let refused = local.complete(&a_login(), &Memory::Null, reply).await;
    assert!(matches!(refused, Err(ConnectorError::BadReply(_))));
}
