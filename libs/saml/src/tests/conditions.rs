use super::*;

fn refused(expected: Expected<'_>) -> Option<Why> {
    let posted = BASE64.encode(response("both-signed").as_bytes());
    usual()
        .read(&posted, &expected)
        .err()
        .map(|refused| refused.why)
}

fn at(secs: i64) -> Expected<'static> {
    Expected {
        now: Timestamp::from_secs(1_700_000_000 + secs),
        ..expected()
    }
}

#[test]
fn a_response_counts_for_one_request_one_place_one_audience_and_one_issuer() {
    let usual = expected();
    for (expected, reason) in [
        (
            Expected {
                request_id: "_other",
                ..usual
            },
            Some(Why::InResponseTo),
        ),
        (
            Expected {
                acs_url: "https://acme.test/other",
                ..usual
            },
            Some(Why::Destination),
        ),
        (
            Expected {
                acs_url: "https://acme.test/callback/",
                ..usual
            },
            Some(Why::Destination),
        ),
        (
            Expected {
                audience: "https://other.test",
                ..usual
            },
            Some(Why::Audience),
        ),
        (
            Expected {
                audience: "https://acme.test/call",
                ..usual
            },
            Some(Why::Audience),
        ),
        (
            Expected {
                issuer: Some("https://other.test"),
                ..usual
            },
            Some(Why::Issuer),
        ),
        (
            Expected {
                issuer: None,
                ..usual
            },
            None,
        ),
        (usual, None),
    ] {
        assert_eq!(refused(expected), reason, "{expected:?}");
    }
}

/// The response was made at 0 and holds from -30 s until 300 s; clocks may differ by 30 s.
#[test]
fn a_response_counts_in_its_time_and_an_end_is_over() {
    for (secs, reason) in [
        (-61, Some(Why::TooEarly)),
        (-60, None),
        (0, None),
        (329, None),
        (330, Some(Why::TooLate)),
        (100_000, Some(Why::TooLate)),
    ] {
        assert_eq!(refused(at(secs)), reason, "at {secs}");
    }
}

#[test]
fn a_fresh_login_is_one_after_it_was_asked_for() {
    let asked = |secs: i64| Expected {
        fresh_since: Some(Timestamp::from_secs(1_700_000_000 + secs)),
        ..expected()
    };
    assert_eq!(refused(asked(-10)), None);
    assert_eq!(refused(asked(20)), None, "clocks differ");
    assert_eq!(refused(asked(60)), Some(Why::Stale));
    let posted = BASE64.encode(response("no-authn").as_bytes());
    let told = usual().read(&posted, &asked(0)).unwrap_err();
    assert_eq!(told.why, Why::Stale, "it does not tell");
    assert!(usual().read(&posted, &expected()).is_ok(), "nobody asked");
}

#[test]
fn what_must_be_said_of_an_assertion_is_missed() {
    for (name, reason) in [
        ("no-audience", Some(Why::Audience)),
        ("two-restrictions", Some(Why::Audience)),
        ("unknown-condition", Some(Why::Condition)),
        ("no-recipient", Some(Why::Recipient)),
        ("no-end", Some(Why::TooLate)),
        ("no-question", Some(Why::InResponseTo)),
        ("holder-of-key", Some(Why::NoBearer)),
        ("no-name", Some(Why::NoName)),
        ("two-confirmations", None),
    ] {
        let told = read(&usual(), &response(name)).err();
        assert_eq!(told.map(|refused| refused.why), reason, "{name}");
    }
}

/// Where only the assertion is signed, what the response says of itself is compared all the same, and
/// what it does not say is in the assertion.
#[test]
fn an_unsigned_response_around_a_signed_assertion_cannot_mislead() {
    let good = response("assertion-signed");
    for (old, new, reason) in [
        (
            "Destination=\"https://acme.test/callback\"",
            "Destination=\"https://x.test\"",
            Some(Why::Destination),
        ),
        ("Destination=\"https://acme.test/callback\"", "", None),
        (
            "InResponseTo=\"_request\"",
            "InResponseTo=\"_other\"",
            Some(Why::InResponseTo),
        ),
        ("InResponseTo=\"_request\"", "", None),
        (
            ">https://idp.test/metadata<",
            ">https://x.test<",
            Some(Why::Issuer),
        ),
    ] {
        let told = read(&usual(), &with(&good, old, new)).err();
        assert_eq!(told.map(|refused| refused.why), reason, "{new}");
    }
}

#[test]
fn a_login_that_failed_there_is_told_with_the_reason_for_the_log() {
    let denied = response("denied");
    let told = read(&usual(), &denied).unwrap_err();
    assert_eq!(told.why, Why::Declined);
    assert_eq!(told.seen.as_deref(), Some("Responder, AuthnFailed"));
    let other = with(&denied, "AuthnFailed", "NoAuthnContext");
    assert_eq!(why(&usual(), &other), Why::Failed);
    let message = format!(
        "<samlp:StatusMessage>{}</samlp:StatusMessage></samlp:Status>",
        "x".repeat(9000)
    );
    let told = read(&usual(), &with(&denied, "</samlp:Status>", &message)).unwrap_err();
    assert_eq!(told.seen.unwrap().len(), 256);
}
