use std::time::Duration;

use insula_model::Rules;
use insula_oauth::{ClientAuthError, ClientAuthMethod, Params};
use insula_testkit::{ClientBuilder, NOW, a_client};

use super::*;

/// `Basic` of `id:secret`, form-urlencoded already.
fn basic(pair: &str) -> String {
    let encoded = data_encoding::BASE64.encode(pair.as_bytes());
    format!("Basic {encoded}")
}

fn tried(
    client: Option<ClientBuilder>,
    header: Option<&str>,
    form: &str,
    rules: &Rules,
) -> Result<ProvenClient, Refusal> {
    let client = client.map(|client| Arc::new(client.build()));
    let mut evidence = Evidence::of_form(Params::parse(form).unwrap());
    if let Some(header) = header {
        evidence = evidence.with_authorization(header);
    }
    prove(client, &read(&evidence, rules)?, NOW)
}

#[test]
fn a_client_is_who_its_credentials_say_and_nobody_else() {
    let wrong = || Err(Refusal::ClientCredentials);
    let both = || Err(Refusal::ClientAuth(ClientAuthError::TwoMethods));
    let good = basic("app:app-secret");
    let (good, bad, empty) = (good.as_str(), basic("app:wrong"), basic("app:"));
    let rotated = || a_client().with_secret("next");
    let hybrid = || a_client().public().with_secret("kept");
    // clause, client, header, body, answer in our dialect, in dex's
    let rows = [
        (
            "RFC 6749 §2.3.1 basic",
            Some(a_client()),
            Some(good),
            "",
            Ok(()),
            Ok(()),
        ),
        (
            "RFC 6749 §2.3.1 post",
            Some(a_client()),
            None,
            "client_id=app&client_secret=app-secret",
            Ok(()),
            Ok(()),
        ),
        (
            "a second secret during a change",
            Some(rotated()),
            None,
            "client_id=app&client_secret=next",
            Ok(()),
            Ok(()),
        ),
        (
            "the first secret during a change",
            Some(rotated()),
            Some(good),
            "",
            Ok(()),
            Ok(()),
        ),
        (
            "wrong secret",
            Some(a_client()),
            Some(&bad),
            "",
            wrong(),
            wrong(),
        ),
        (
            "no secret",
            Some(a_client()),
            None,
            "client_id=app",
            wrong(),
            wrong(),
        ),
        (
            "empty secret",
            Some(a_client()),
            Some(&empty),
            "",
            wrong(),
            wrong(),
        ),
        (
            "confidential, but without any secret",
            Some(a_client().without_secret()),
            None,
            "client_id=app",
            wrong(),
            wrong(),
        ),
        ("unknown client", None, Some(good), "", wrong(), wrong()),
        (
            "RFC 6749 §2.1 public",
            Some(a_client().public()),
            None,
            "client_id=app",
            Ok(()),
            Ok(()),
        ),
        (
            "public with an empty basic secret",
            Some(a_client().public()),
            Some(&empty),
            "",
            Ok(()),
            Ok(()),
        ),
        (
            "public must not show a secret it has not",
            Some(a_client().public()),
            Some(&bad),
            "",
            wrong(),
            wrong(),
        ),
        (
            "public with a secret must show it",
            Some(hybrid()),
            None,
            "client_id=app",
            wrong(),
            wrong(),
        ),
        (
            "public with a secret shows it",
            Some(hybrid()),
            None,
            "client_id=app&client_secret=kept",
            Ok(()),
            Ok(()),
        ),
        (
            "RFC 6749 §2.3 one method only",
            Some(a_client()),
            Some(good),
            "client_secret=app-secret",
            both(),
            Ok(()),
        ),
        (
            "two names",
            Some(a_client()),
            Some(good),
            "client_id=other",
            both(),
            Ok(()),
        ),
        (
            "the same name twice",
            Some(a_client()),
            Some(good),
            "client_id=app",
            Ok(()),
            Ok(()),
        ),
        (
            "no credentials",
            Some(a_client()),
            None,
            "",
            Err(Refusal::ClientAuth(ClientAuthError::Missing)),
            wrong(),
        ),
        (
            "a header that is no base64",
            Some(a_client()),
            Some("Basic !!"),
            "client_id=app&client_secret=app-secret",
            Err(Refusal::ClientAuth(ClientAuthError::MalformedBasic)),
            Ok(()),
        ),
    ];
    for (clause, client, header, form, standard, dex) in rows {
        let told = |rules| tried(client.clone(), header, form, rules).map(|_| ());
        assert_eq!(told(&Rules::STANDARD), standard, "{clause}");
        assert_eq!(told(&Rules::DEX), dex, "{clause}, dex");
    }
}

#[test]
fn a_secret_with_a_bare_percent_is_named_as_badly_encoded() {
    let told = tried(Some(a_client()), Some(&basic("app:100%")), "", &Rules::DEX);
    let expected = Refusal::ClientAuth(ClientAuthError::ClientSecretEncoding);
    assert_eq!(told.err(), Some(expected));
}

#[test]
fn what_a_client_proved_itself_with_is_told_and_a_public_one_proved_nothing() {
    use ClientAuthMethod::{ClientSecretBasic, ClientSecretPost, None as Nothing};
    let (app, empty) = (basic("app:app-secret"), basic("app:"));
    let kept = "client_id=app&client_secret=kept";
    for (client, header, form, method) in [
        (a_client(), Some(app.as_str()), "", ClientSecretBasic),
        (
            a_client(),
            None,
            "client_id=app&client_secret=app-secret",
            ClientSecretPost,
        ),
        (a_client().public(), None, "client_id=app", Nothing),
        (a_client().public(), Some(&empty), "", Nothing),
        (
            a_client().public().with_secret("kept"),
            None,
            kept,
            ClientSecretPost,
        ),
    ] {
        for rules in [&Rules::STANDARD, &Rules::DEX] {
            let proven = tried(Some(client.clone()), header, form, rules).unwrap();
            assert_eq!(proven.method(), method, "{header:?} {form}");
            assert_eq!(proven.client().id.as_str(), "app");
        }
    }
}

#[test]
fn the_first_of_several_headers_counts_and_one_that_is_no_text_is_none() {
    let good = basic("app:app-secret");
    let form = Params::parse("client_id=app").unwrap();
    let odd = Evidence {
        authorization: vec![None, Some(good.as_str())],
        form: form.clone(),
        ..Evidence::default()
    };
    let two = Evidence::of_form(form)
        .with_authorization(&good)
        .with_authorization("Basic eDp5");
    for rules in [&Rules::STANDARD, &Rules::DEX] {
        let method = |evidence| read(evidence, rules).unwrap().method;
        assert_eq!(method(&odd), ClientAuthMethod::None);
        assert_eq!(method(&two), ClientAuthMethod::ClientSecretBasic);
    }
}

#[test]
fn each_of_two_secrets_proves_the_client_until_its_end() {
    let second = Duration::from_secs(1);
    let client = || {
        a_client()
            .without_secret()
            .with_secret_until("old", NOW + second)
            .with_secret("new")
    };
    let ended = || {
        a_client()
            .without_secret()
            .with_secret_until("old", NOW)
            .with_secret("new")
    };
    for rules in [&Rules::STANDARD, &Rules::DEX] {
        for (client, secret, is_good) in [
            (client(), "old", true),
            (client(), "new", true),
            (client(), "app-secret", false),
            (ended(), "old", false),
            (ended(), "new", true),
        ] {
            let header = basic(&format!("app:{secret}"));
            let told = tried(Some(client), Some(&header), "", rules);
            assert_eq!(told.is_ok(), is_good, "{secret}");
        }
    }
}

#[test]
fn a_public_client_whose_only_secret_ended_is_not_let_in_without_one() {
    let client = a_client().public().with_secret_until("old", NOW);
    for rules in [&Rules::STANDARD, &Rules::DEX] {
        for form in ["client_id=app", "client_id=app&client_secret=old"] {
            let told = tried(Some(client.clone()), None, form, rules);
            assert_eq!(told.err(), Some(Refusal::ClientCredentials));
        }
    }
}
