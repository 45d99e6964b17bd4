//! What somebody can make of a good response without the key of the identity provider.

use super::*;

const ID_OF_ASSERTION: &str = "ID=\"_assertion\"";

fn signature(xml: &str) -> &str {
    between(xml, "<ds:Signature ", "</ds:Signature>")
}

fn assertion(xml: &str) -> &str {
    between(xml, "<saml:Assertion ", "</saml:Assertion>")
}

/// A good assertion without its signature, about another person.
fn evil_assertion(good: &str, id: &str) -> String {
    let good = assertion(good);
    let bare = match good.find("<ds:Signature ") {
        Some(_) => with(good, signature(good), ""),
        None => good.to_owned(),
    };
    let renamed = with(&bare, ">jane<", ">mallory<");
    with(&renamed, ID_OF_ASSERTION, &format!("ID=\"{id}\""))
}

/// The eight ways of "On Breaking SAML: Be Whoever You Want to Be" (Somorovsky and others, 2012), by
/// the numbers that tools give them, with a new ID for what is forged and with the same.
fn wrapped() -> Vec<(String, String)> {
    let mut all = Vec::new();
    let by_response = response("response-signed");
    let signed = signature(&by_response);
    let bare = with(&by_response, signed, "");
    let by_assertion = response("assertion-signed");
    let good = assertion(&by_assertion);
    let of_assertion = signature(good);
    let bare_assertion = with(good, of_assertion, "");
    for same in [false, true] {
        let id = |real: &str| {
            if same {
                real.to_owned()
            } else {
                "_evil".to_owned()
            }
        };
        let mut add = |number: u8, xml: String| {
            let form = format!("form {number}, {} ID", if same { "same" } else { "other" });
            all.push((form, xml));
        };
        let evil_response = with(&bare, ">jane<", ">mallory<");
        let evil_response = with(
            &evil_response,
            "ID=\"_response\"",
            &format!("ID=\"{}\"", id("_response")),
        );
        let inside = |object: &str| {
            let opened = format!("<ds:Object>{object}</ds:Object></ds:Signature>");
            with(signed, "</ds:Signature>", &opened)
        };
        let first_issuer = "</saml:Issuer>";
        add(
            1,
            with(
                &evil_response,
                first_issuer,
                &format!("{first_issuer}{}", inside(&bare)),
            ),
        );
        add(
            2,
            with(
                &evil_response,
                first_issuer,
                &format!("{first_issuer}{bare}{signed}"),
            ),
        );
        let evil = evil_assertion(&by_assertion, &id("_assertion"));
        add(3, with(&by_assertion, good, &format!("{evil}{good}")));
        add(
            4,
            with(
                &by_assertion,
                good,
                &with(
                    &evil,
                    "</saml:Assertion>",
                    &format!("{good}</saml:Assertion>"),
                ),
            ),
        );
        let evil_signed = with(
            &evil,
            first_issuer,
            &format!("{first_issuer}{of_assertion}"),
        );
        add(
            5,
            with(
                &by_assertion,
                good,
                &format!("{evil_signed}{bare_assertion}"),
            ),
        );
        let around = with(
            of_assertion,
            "</ds:Signature>",
            &format!("{bare_assertion}</ds:Signature>"),
        );
        let evil_around = with(&evil, first_issuer, &format!("{first_issuer}{around}"));
        add(6, with(&by_assertion, good, &evil_around));
        let extensions = format!("<samlp:Extensions>{evil}</samlp:Extensions>{good}");
        add(7, with(&by_assertion, good, &extensions));
        let around = with(
            of_assertion,
            "</ds:Signature>",
            &format!("<ds:Object>{bare_assertion}</ds:Object></ds:Signature>"),
        );
        let evil_around = with(&evil, first_issuer, &format!("{first_issuer}{around}"));
        add(8, with(&by_assertion, good, &evil_around));
    }
    all
}

#[test]
fn a_signed_part_moved_elsewhere_lets_nobody_in_as_somebody_else() {
    let forms = wrapped();
    assert_eq!(forms.len(), 16);
    for (form, xml) in forms {
        let reason = why(&usual(), &xml);
        let is_seen = matches!(
            reason,
            Why::NotOneAssertion | Why::SignatureMisplaced | Why::SignatureOdd
        );
        assert!(is_seen, "{form}: {reason:?}");
    }
}

/// A signed assertion goes on counting where the response around it holds something else of that name.
#[test]
fn what_stands_beside_a_signed_assertion_is_not_read() {
    let good = response("assertion-signed");
    let statement = between(
        &good,
        "<saml:AttributeStatement>",
        "</saml:AttributeStatement>",
    );
    let forged = with(statement, ">staff<", ">admins<");
    let told = read(
        &usual(),
        &with(
            &good,
            "</samlp:Response>",
            &format!("{forged}</samlp:Response>"),
        ),
    );
    assert_eq!(told, read(&usual(), &good));
    let subject = "<saml:Subject><saml:NameID>mallory</saml:NameID></saml:Subject>";
    let told = read(
        &usual(),
        &with(
            &good,
            "</samlp:Response>",
            &format!("{subject}</samlp:Response>"),
        ),
    );
    assert_eq!(told, read(&usual(), &good));
}

#[test]
fn two_assertions_are_one_too_many_even_if_signed() {
    assert_eq!(
        why(&usual(), &response("two-assertions")),
        Why::NotOneAssertion
    );
}

#[test]
fn a_comment_does_not_cut_a_name() {
    let told = read(&usual(), &response("comment-in-name")).unwrap();
    assert_eq!(told.name_id, "jane@evil.test");
    let put_in = with(&response("response-signed"), ">jane<", ">ja<!-- x -->ne<");
    let told = read(&usual(), &put_in).unwrap();
    assert_eq!(
        told.name_id, "jane",
        "comments are not signed, and not read"
    );
    let digest = with(
        &response("response-signed"),
        "<ds:DigestValue>",
        "<ds:DigestValue><!-- AAAA -->",
    );
    assert_eq!(why(&usual(), &digest), Why::SignatureOdd);
}

#[test]
fn a_document_type_is_refused_whatever_is_in_it() {
    let good = response("response-signed");
    for declared in [
        "<!DOCTYPE a>",
        "<!DOCTYPE a [<!ENTITY x \"jane\">]>",
        "<!DOCTYPE a SYSTEM \"file:///etc/passwd\">",
        "<!DOCTYPE a [<!ENTITY % p SYSTEM \"http://127.0.0.1/\"> %p;]>",
        "<!DOCTYPE a [<!ATTLIST samlp:Response ID ID #IMPLIED>]>",
    ] {
        assert_eq!(
            why(&usual(), &format!("{declared}{good}")),
            Why::NotXml,
            "{declared}"
        );
    }
    assert_eq!(why(&usual(), &with(&good, ">jane<", ">&x;<")), Why::NotXml);
}

#[test]
fn what_is_not_one_whole_document_is_refused() {
    let good = response("response-signed");
    for broken in [
        String::new(),
        "no XML".to_owned(),
        format!("{good}{good}"),
        good.replace("</samlp:Response>", ""),
        "<a>".repeat(100_000),
        format!("{}{}", "<a>".repeat(60), "</a>".repeat(60)),
    ] {
        let reason = why(&usual(), &broken);
        let is_seen = matches!(reason, Why::NotXml | Why::TooLong);
        assert!(is_seen, "{reason:?}");
    }
    for other in [
        "<a/>",
        "<Response/>",
        "<Response xmlns=\"urn:oasis:names:tc:SAML:1.0:protocol\"/>",
    ] {
        assert_eq!(why(&usual(), other), Why::NotAResponse, "{other}");
    }
    let logout = good.replace("samlp:Response", "samlp:LogoutResponse");
    assert_eq!(why(&usual(), &logout), Why::NotAResponse);
    let older = with(&good, "Version=\"2.0\"", "Version=\"1.1\"");
    assert_eq!(why(&usual(), &older), Why::NotAResponse);
    let long = "A".repeat(crate::LONGEST_RESPONSE + 4);
    let refused = usual().read(&long, &expected());
    assert_eq!(refused.map_err(|refused| refused.why), Err(Why::TooLong));
    for odd in ["", "%", "AAA", "////"] {
        let refused = usual().read(odd, &expected());
        assert_eq!(
            refused.map_err(|refused| refused.why),
            Err(Why::NotXml),
            "{odd}"
        );
    }
}

#[test]
fn more_namespaces_than_anybody_needs_are_refused() {
    let good = response("response-signed");
    let declared = |count: usize| -> String {
        let each = (0..count).map(|number| format!(" xmlns:n{number}=\"urn:n\""));
        each.collect()
    };
    let on_root = format!("<samlp:Response{} ", declared(40));
    let crowded = with(&good, "<samlp:Response ", &on_root);
    assert_eq!(why(&usual(), &crowded), Why::TooLong);
    let all = format!("<a{}/></samlp:Response>", declared(3_000));
    let many = with(&good, "</samlp:Response>", &all);
    assert_eq!(why(&usual(), &many), Why::TooLong);
    let few = format!("<a{}/></saml:Issuer>", declared(20));
    let few = with(&response("assertion-signed"), "</saml:Issuer>", &few);
    assert!(
        read(&usual(), &few).is_ok(),
        "there it is not signed, and not read"
    );
}

#[test]
fn base64_may_be_broken_into_lines() {
    let encoded = BASE64.encode(response("response-signed").as_bytes());
    let lines: Vec<_> = encoded.as_bytes().chunks(76).collect();
    let broken = lines.join(&b"\r\n"[..]);
    let told = usual().read(std::str::from_utf8(&broken).unwrap(), &expected());
    assert_eq!(told.unwrap().name_id, "jane");
}

#[test]
fn an_attribute_hidden_behind_another_namespace_is_refused() {
    let twin = "ID=\"_response\" x:ID=\"_evil\" xmlns:x=\"urn:x\"";
    let xml = with(&response("response-signed"), "ID=\"_response\"", twin);
    assert_eq!(why(&usual(), &xml), Why::TwinAttributes);
}

/// Whatever single byte is changed: it says the same as before, or nothing.
#[test]
fn no_byte_can_be_changed_to_any_avail() {
    for name in ["response-signed", "assertion-signed", "both-signed"] {
        let good = response(name);
        let provider = usual();
        let told = read(&provider, &good).unwrap();
        for at in (0..good.len()).step_by(11) {
            for change in [1_u8, 0x20] {
                let mut bytes = good.clone().into_bytes();
                bytes[at] ^= change;
                let Ok(changed) = String::from_utf8(bytes) else {
                    continue;
                };
                if let Ok(now) = read(&provider, &changed) {
                    assert_eq!(now, told, "{name}: byte {at}");
                }
            }
        }
    }
}

#[test]
fn a_changed_value_is_refused_wherever_it_is_signed() {
    for name in ["response-signed", "assertion-signed", "both-signed"] {
        for (old, new) in [
            (">jane<", ">mallory<"),
            (">staff<", ">admins<"),
            ("22:18:20Z", "23:18:20Z"),
        ] {
            let reason = why(&usual(), &with(&response(name), old, new));
            assert_eq!(reason, Why::SignatureWrong, "{name}: {old}");
        }
    }
}
