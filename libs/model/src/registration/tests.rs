use super::*;
use crate::{Alg, ClientId, ClientLogout, ClientSecret, IntrospectionScope};

#[test]
fn https_loopback_and_private_schemes_are_taken() {
    for uri in [
        "https://app.example/cb?x=1",
        "http://127.0.0.1:5555/callback",
        "http://[::1]/cb",
        "http://localhost/cb",
        "http://acme.localhost:5556/callback",
        "com.example.app:/cb",
    ] {
        assert_eq!(to_redirect_uri(uri), None, "{uri}");
    }
}

#[test]
fn what_leaks_a_code_or_may_be_claimed_by_another_is_refused() {
    for (uri, why) in [
        ("/callback", "absolute"),
        ("https://app.example/#x", "fragment"),
        ("http://app.example/cb", "unencrypted"),
        ("myapp:/cb", "anybody"),
        ("javascript:alert(1)", "anybody"),
        ("https://*.app.example/cb", "wildcard"),
        ("https://u:p@app.example/cb", "user name"),
    ] {
        let cause = to_redirect_uri(uri).unwrap().cause;
        assert!(cause.contains(why), "{uri}: {cause}");
    }
}

#[test]
fn a_logout_token_is_posted_to_the_web_and_encrypted_for_public_clients() {
    for (uri, is_public, why) in [
        ("https://app.example/out?x=1", true, None),
        ("http://app.svc:8080/out", false, None),
        ("http://127.0.0.1:5555/out", true, None),
        ("http://app.example/out", true, Some("unencrypted")),
        ("https://app.example/#out", false, Some("fragment")),
        ("/out", false, Some("absolute")),
        ("com.example.app:/out", false, Some("no address of the web")),
        ("https://u:p@app.example/", false, Some("user name")),
    ] {
        let told = to_backchannel_logout_uri(uri, is_public);
        assert_eq!(told.is_some(), why.is_some(), "{uri}");
        let told = told.map_or("", |objection| objection.cause);
        assert!(told.contains(why.unwrap_or_default()), "{uri}: {told}");
    }
}

#[test]
fn a_frame_is_of_the_origin_of_a_redirect_uri() {
    let registered = ["https://app.example/cb", "http://127.0.0.1:5555/cb"];
    let registered = registered.map(str::to_owned);
    for (uri, is_taken) in [
        ("https://app.example/out", true),
        ("https://app.example:443/out", true),
        ("http://127.0.0.1:5555/out", true),
        ("http://127.0.0.1:5556/out", false),
        ("http://app.example/out", false),
        ("https://evil.example/out", false),
        ("https://app.example.evil.example/out", false),
        ("/out", false),
    ] {
        let told = to_frontchannel_logout_uri(uri, &registered);
        assert_eq!(told.is_none(), is_taken, "{uri}: {told:?}");
    }
}

fn a_client() -> Client {
    Client {
        id: ClientId::parse("app").unwrap(),
        name: "App".into(),
        secrets: vec![ClientSecret::new("s")],
        public: false,
        redirect_uris: vec!["https://app.example/cb".into()],
        post_logout_redirect_uris: Vec::new(),
        trusted_peers: Vec::new(),
        allowed_connectors: Vec::new(),
        grant_types: Vec::new(),
        skip_approval: false,
        require_pkce: false,
        sso_shared_with: None,
        id_token_signed_response_alg: None,
        access_token_signed_response_alg: None,
        logout: ClientLogout::default(),
        scopes: None,
        resources: Vec::new(),
        own_groups: Vec::new(),
        token_exchange: None,
        introspection: IntrospectionScope::default(),
        request_objects: None,
    }
}

/// A change of a client, and the objection to it of our dialect and of dex's.
type Row = (fn(&mut Client), Option<&'static str>, Option<&'static str>);

#[test]
fn a_client_is_told_of_each_of_its_members_that_may_not_be() {
    let changed = |change: fn(&mut Client)| {
        let mut client = a_client();
        change(&mut client);
        client
    };
    let rows: [Row; 11] = [
        (
            |c| c.logout.backchannel_logout_uri = Some("/out".into()),
            Some("backchannel_logout_uri \"/out\" is not an absolute URI"),
            None,
        ),
        (
            |c| c.logout.frontchannel_logout_uri = Some("https://evil.example/".into()),
            Some("frontchannel_logout_uri \"https://evil.example/\" is of another origin"),
            None,
        ),
        (|_| {}, None, None),
        (
            |c| c.redirect_uris.push("http://app.example/cb".into()),
            Some("redirect_uris[1] \"http://app.example/cb\" sends codes over the network"),
            None,
        ),
        (
            |c| c.redirect_uris = vec!["https://app.example/c b".into()],
            Some("redirect_uris[0] \"https://app.example/c b\" holds a blank"),
            None,
        ),
        (
            |c| c.redirect_uris = vec!["https://app.example/\n".into()],
            Some("redirect_uris[0] \"https://app.example/\\n\" holds a line break"),
            Some("redirect_uris[0] \"https://app.example/\\n\" holds a line break"),
        ),
        (
            |c| c.post_logout_redirect_uris = vec!["myapp:/bye".into()],
            Some("post_logout_redirect_uris[0] \"myapp:/bye\" has a scheme anybody may claim"),
            None,
        ),
        (
            |c| c.redirect_uris.clear(),
            Some("redirect_uris is missing; list where codes may be sent"),
            None,
        ),
        (
            |c| c.secrets.clear(),
            Some("secrets is missing"),
            Some("secrets is missing"),
        ),
        (
            |c| {
                c.public = true;
                c.secrets.clear();
                c.grant_types = vec![GrantType::AuthorizationCode, GrantType::ClientCredentials];
            },
            Some("grant_types names client_credentials, and a public client can prove"),
            None,
        ),
        (
            |c| c.public = true,
            Some("secrets: a public client can keep no secret"),
            None,
        ),
    ];
    for (change, ours, dexs) in rows {
        let client = changed(change);
        for (rules, expected) in [(Rules::STANDARD, ours), (Rules::DEX, dexs)] {
            let told = to_client(&client, &rules);
            assert_eq!(told.len(), usize::from(expected.is_some()), "{told:?}");
            let told = told.first().map(ToString::to_string).unwrap_or_default();
            assert!(told.starts_with(expected.unwrap_or_default()), "{told}");
        }
    }
}

#[test]
fn a_client_gets_no_algorithm_but_those_its_tenant_signs_with() {
    let signed_with = ["RS256".to_owned(), "ES256".to_owned()];
    let told = |id_token_signed_response_alg, access_token_signed_response_alg| {
        let client = Client {
            id_token_signed_response_alg,
            access_token_signed_response_alg,
            ..a_client()
        };
        let told = to_algorithms(&client, &signed_with);
        told.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(told(None, None), [""; 0]);
    assert_eq!(told(Some(Alg::ES256), Some(Alg::RS256)), [""; 0]);
    let next = "is not an algorithm the tenant signs with; name one of \
                signer.config.algorithms, or add it there";
    for unknown in [Alg::EdDSA, Alg::PS256] {
        let name = unknown.as_str();
        assert_eq!(
            told(Some(unknown), Some(unknown)),
            [
                format!("id_token_signed_response_alg {name:?} {next}"),
                format!("access_token_signed_response_alg {name:?} {next}"),
            ]
        );
    }
    for unknown in ["EdDSA", "none", "HS256", "es256"] {
        let Objection { cause, next_step } = to_algorithm(unknown, &signed_with).unwrap();
        assert_eq!(format!("{cause}; {next_step}"), next);
    }
}

#[test]
fn rfc_8707_2_a_resource_is_an_absolute_uri_without_query_and_fragment() {
    for identifier in [
        "https://api.example",
        "https://api.example/v1",
        "urn:acme:orders",
    ] {
        assert_eq!(to_resource_identifier(identifier), None, "{identifier}");
    }
    for (identifier, why) in [
        ("orders", "absolute"),
        ("/orders", "absolute"),
        ("https://api.example/#x", "fragment"),
        ("https://api.example/?x=1", "query"),
        ("https://api.example/a b", "blank"),
    ] {
        let cause = to_resource_identifier(identifier).unwrap().cause;
        assert!(cause.contains(why), "{identifier}: {cause}");
    }
}

#[test]
fn a_scope_of_a_resource_is_a_word_that_means_nothing_else() {
    for word in ["orders:read", "https://api.example/read", "read"] {
        assert_eq!(to_resource_scope(word), None, "{word}");
    }
    for (word, why) in [
        ("", "not a word"),
        ("orders read", "not a word"),
        ("a\"b", "not a word"),
        ("openid", "about a person"),
        ("audience:server:client_id:app", "about a person"),
        ("resource:https://api.example", "consent"),
    ] {
        let cause = to_resource_scope(word).unwrap().cause;
        assert!(cause.contains(why), "{word}: {cause}");
    }
}

#[test]
fn a_client_that_is_sent_no_codes_needs_no_redirect_uri() {
    let client = |grant| Client {
        redirect_uris: Vec::new(),
        grant_types: vec![grant],
        ..a_client()
    };
    let objections = |grant| to_client(&client(grant), &Rules::STANDARD).len();
    assert_eq!(objections(GrantType::RefreshToken), 0);
    assert_eq!(objections(GrantType::Implicit), 1, "tokens are sent there");
}
