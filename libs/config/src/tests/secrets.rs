use insula_model::{PersonDetails, UserId};

use super::{Folder, dexs, ours};

const ARGON: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA";
const BCRYPT: &str = "$2a$10$2b2cU8CPhOTaGrs1HRQuAueS7JTT5ZHsHSzYiFPm1leZck7Mc8T4W";

fn portal(secret: &str) -> Folder {
    let client = format!("{{ id: a, {secret}, redirectURIs: [https://a.test/cb] }}");
    ours(&format!("staticClients: [{client}]\n"))
        .file("secret", "from-file\n")
        .env("S", "from-env")
}

fn jane(fields: &str) -> String {
    format!("staticPasswords: [{{ email: Jane@Acme.Test, userID: '1', {fields} }}]\n")
}

#[test]
fn a_client_secret_is_written_in_five_ways() {
    for (written, secret) in [
        ("secret: plain", "plain"),
        ("secret: 12345", "12345"),
        ("secret: { env: S }", "from-env"),
        ("secret: env:S", "from-env"),
        ("secretEnv: S", "from-env"),
        ("secret: { file: secret }", "from-file"),
        ("secret: file:secret", "from-file"),
    ] {
        let spec = portal(written).spec();
        assert!(
            spec.client("a").unwrap().secrets[0].matches(secret),
            "{written}"
        );
    }
}

#[test]
fn a_secret_that_is_not_there_is_named_and_the_file_is_not_served() {
    for (written, cause) in [
        ("secret: env:NOPE", "refers to env:NOPE, which is not set"),
        ("secretEnv: NOPE", "refers to env:NOPE, which is not set"),
        (
            "secret: { file: nope }",
            "refers to file:nope, which cannot be read",
        ),
        ("secret: { key: x }", "is a mapping where a secret belongs"),
    ] {
        let said = portal(written).only();
        assert!(
            said.starts_with("error") && said.contains(cause),
            "{written}: {said}"
        );
    }
}

#[test]
fn files_of_secrets_are_watched_with_the_tenants_own() {
    let folder = portal("secret: { file: secret }").file("theme/logo.svg", "<svg/>");
    let seen = folder.load().seen;
    let names = seen
        .paths()
        .map(|f| f.file_name().unwrap().to_str().unwrap());
    let names: Vec<_> = names.collect();
    assert_eq!(names, ["secret", "tenant.yaml", "theme", "logo.svg"]);
}

#[test]
fn every_value_of_ours_may_come_from_elsewhere_and_is_then_not_shown() {
    let folder = ours("expiry: { idTokens: { env: LIFE } }\n").env("LIFE", "hunter2");
    let said = folder.only();
    assert!(
        said.contains("the value of env:LIFE is not a duration"),
        "{said}"
    );
    assert!(!said.contains("hunter2"));
    let spec = ours("expiry: { idTokens: { env: LIFE } }\n")
        .env("LIFE", "5m")
        .spec();
    assert_eq!(spec.expiry.id_tokens.as_secs(), 300);
}

#[test]
fn a_password_record_is_read_with_every_field() {
    let text = jane(&format!(
        "hash: '{ARGON}', username: jane, name: Jane Doe, preferredUsername: jd, emailVerified: false, groups: [a, b]"
    ));
    let spec = ours(&text).spec();
    let jane = &spec.passwords["jane@acme.test"];
    assert_eq!(
        jane.email, "Jane@Acme.Test",
        "the claim is as it is written"
    );
    assert_eq!(jane.hash, ARGON);
    assert_eq!(
        (jane.user_id.as_str(), jane.username.as_str()),
        ("1", "jane")
    );
    assert_eq!(jane.name.as_deref(), Some("Jane Doe"));
    assert_eq!(jane.preferred_username, "jd");
    assert!(!jane.email_verified);
    assert_eq!(jane.groups, ["a", "b"]);
}

#[test]
fn what_else_tokens_say_of_a_person_is_read_in_our_format_and_unknown_to_dex() {
    let text = jane(&format!(
        "hash: '{ARGON}', givenName: Jane, familyName: Doe, middleName: Q, nickname: jj, \
         profile: 'https://jane.test', picture: 'https://jane.test/me.png', \
         website: 'http://blog.test', gender: female, birthdate: '1987-10-31', \
         zoneinfo: Europe/Berlin, locale: de-DE, phoneNumber: '+49 30 1', \
         phoneNumberVerified: true, address: {{ formatted: \"A 1\\n10115 B\", \
         streetAddress: A 1, locality: B, region: BE, postalCode: 10115, country: DE }}"
    ));
    let spec = ours(&text).spec();
    let details = spec.passwords["jane@acme.test"].details.clone().unwrap();
    for claim in PersonDetails::TEXTS {
        assert!(details.text(claim).is_some(), "{claim:?}");
    }
    let phone = details.phone.clone().unwrap();
    assert_eq!((phone.number.as_str(), phone.verified), ("+49 30 1", true));
    assert_eq!(details.address.formatted, "A 1\n10115 B");
    assert_eq!(details.address.postal_code, "10115");
    let members = serde_json::to_value(&details.address).unwrap();
    assert_eq!(members.as_object().unwrap().len(), 6);

    let plain = ours(&jane(&format!("hash: '{ARGON}'"))).spec();
    assert_eq!(plain.passwords["jane@acme.test"].details, None);
    let told = dexs(&jane(&format!("hash: '{BCRYPT}', givenName: Jane")));
    assert!(told.only().contains("givenName: nobody knows this key"));
}

#[test]
fn whose_ids_there_are_is_what_the_file_says_when_it_is_read_again() {
    let text = jane(&format!("hash: '{ARGON}'"));
    let before = ours(&text).spec().passwords;
    let after = ours(&text.replace("userID: '1'", "userID: '2'")).spec();
    let after = after.passwords;
    let ids = ["1", "2"].map(|id| UserId::parse(id).unwrap());
    assert_eq!(ids.each_ref().map(|id| before.has(id)), [true, false]);
    assert_eq!(ids.each_ref().map(|id| after.has(id)), [false, true]);
    let none = ours("").spec().passwords;
    assert!(!none.has(&ids[0]));
}

#[test]
fn what_tokens_would_say_of_a_person_is_checked_with_its_position() {
    let long = "x".repeat(513);
    for (fields, told) in [
        ("birthdate: 31.10.1987".to_owned(), "YYYY-MM-DD"),
        ("birthdate: '1987-13-01'".to_owned(), "YYYY-MM-DD"),
        ("birthdate: '1987-10'".to_owned(), "YYYY-MM-DD"),
        ("picture: me.png".to_owned(), "picture"),
        ("website: 'ftp://jane.test'".to_owned(), "website"),
        ("profile: 'https://jane.test/a b'".to_owned(), "profile"),
        (format!("nickname: {long}"), "longer than 512 bytes"),
        ("phoneNumberVerified: true".to_owned(), "phoneNumber"),
        ("address: { planet: Earth }".to_owned(), "address.planet"),
        ("address: Berlin".to_owned(), "address"),
        ("birthDate: '1987'".to_owned(), ""),
    ] {
        let folder = ours(&jane(&format!("hash: '{ARGON}', {fields}")));
        if told.is_empty() {
            folder.spec();
            continue;
        }
        let said = folder.only();
        assert!(said.starts_with("error"), "{said}");
        assert!(
            said.contains("staticPasswords[0].") && said.contains(told),
            "{said}"
        );
    }
    let five: Vec<_> = [
        "givenName",
        "familyName",
        "middleName",
        "nickname",
        "gender",
    ]
    .map(|key| format!("{key}: {}", "x".repeat(450)))
    .into();
    let said = ours(&jane(&format!("hash: '{ARGON}', {}", five.join(", ")))).only();
    assert!(said.contains("longer than 2048 bytes"), "{said}");
}

#[test]
fn a_hash_may_be_bcrypt_its_base64_or_named_by_a_variable() {
    let base64 = data_encoding::BASE64.encode(BCRYPT.as_bytes());
    for fields in [
        format!("hash: '{BCRYPT}'"),
        format!("hash: {base64}"),
        "hashFromEnv: H".to_owned(),
    ] {
        for folder in [ours(&jane(&fields)), dexs(&jane(&fields))] {
            let spec = folder.env("H", BCRYPT).spec();
            assert_eq!(spec.passwords["jane@acme.test"].hash, BCRYPT, "{fields}");
            assert!(spec.passwords["jane@acme.test"].email_verified);
        }
    }
}

#[test]
fn a_malformed_hash_is_refused_and_never_said() {
    let said = ours(&jane("hash: hunter2")).only();
    assert!(
        said.starts_with("error") && !said.contains("hunter2"),
        "{said}"
    );
    let said = dexs(&jane("hash: hunter2")).only();
    assert!(said.contains("malformed bcrypt hash: "), "{said}");
    assert!(
        dexs(&jane("username: x"))
            .only()
            .contains("no password hash provided")
    );
}

#[test]
fn one_mail_address_is_one_person_letters_case_set_aside() {
    let one = format!("{{ email: a@a.test, userID: '1', hash: '{ARGON}' }}");
    let two = format!("{{ email: A@A.Test, userID: '2', hash: '{ARGON}' }}");
    let said = ours(&format!("staticPasswords: [{one}, {two}]\n")).only();
    assert!(said.contains("staticPasswords[1].email"), "{said}");
}

#[test]
fn passwords_without_the_password_db_are_refused() {
    let text = format!(
        "issuer: https://acme.test\nconnectors: [{{ type: mockCallback, id: m, name: M }}]\n{}",
        jane(&format!("hash: '{BCRYPT}'"))
    );
    let said = Folder::dex(&text).only();
    assert!(said.contains("cannot specify static passwords without enabling password db"));
    assert!(
        Folder::native(&text)
            .only()
            .contains("the password DB is off")
    );
}

#[test]
fn secrets_are_in_no_debug() {
    let folder = portal("secret: hunter2");
    let loaded = folder.load();
    assert!(!format!("{loaded:?}").contains("hunter2"));
}

#[test]
fn what_is_odd_about_a_secret_is_told_with_its_place_and_never_changed() {
    for (stored, oddity) in [
        ("s3cret\\nmore", "holds a line break"),
        ("s3\\tcret", "holds a control character"),
        (" s3cret", "begins or ends with a blank"),
        ("s3cret ", "begins or ends with a blank"),
    ] {
        let stored = stored.replace("\\n", "\n").replace("\\t", "\t");
        let written = format!("secret: {stored:?}");
        for (folder, key) in [
            (portal("secret: { env: S }").env("S", &stored), "secret"),
            (
                portal("secretEnv: S").env("S", &format!("{stored}\n")),
                "secretEnv",
            ),
            (
                portal("secret: { file: odd }").file("odd", &format!("{stored}\r\n")),
                "secret",
            ),
            (portal(&written), "secret"),
        ] {
            let said = folder.only();
            let place = "warning tenant.yaml:3:";
            assert!(said.starts_with(place) && said.contains(oddity), "{said}");
            assert!(said.contains(&format!("staticClients[0].{key}:")), "{said}");
            assert!(!said.contains("s3"), "{said}");
            let spec = folder.load().spec.unwrap();
            assert!(
                spec.client("a").unwrap().secrets[0].matches(&stored),
                "{written}"
            );
        }
    }
}

#[test]
fn a_secret_of_the_environment_matches_although_it_ends_in_a_line_end() {
    for written in ["secret: { env: T }", "secret: env:T", "secretEnv: T"] {
        let spec = portal(written).env("T", "app-secret\n").spec();
        assert!(
            spec.client("a").unwrap().secrets[0].matches("app-secret"),
            "{written}"
        );
    }
    for place in ["$T", "{ env: T }", "env:T"] {
        let config = format!("{{ clientSecret: {place} }}");
        let text = format!("connectors: [{{ type: oidc, id: o, name: O, config: {config} }}]\n");
        let spec = ours(&text).env("T", "app-secret\r\n").spec();
        let secret = &spec.connectors[0].config["clientSecret"];
        assert_eq!(secret, "app-secret", "{place}");
    }
}
