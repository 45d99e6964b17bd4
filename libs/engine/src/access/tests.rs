use insula_model::Claim;
use insula_testkit::{ClientBuilder, TenantBuilder, a_client, a_resource, a_tenant};

use super::*;

const ORDERS: &str = "https://orders.test";
const STOCK: &str = "https://stock.test";
const ISSUER: &str = "https://acme.test";

/// A tenant with two APIs.
fn tenant() -> TenantBuilder {
    a_tenant()
        .with_resource(a_resource(ORDERS, &["orders:read", "orders:write"]))
        .with_resource(a_resource(STOCK, &["stock:read"]))
}

/// A client that may have some of both, and log people in.
fn client() -> ClientBuilder {
    a_client()
        .with_scopes(&["openid", "email", "offline_access", "orders:read"])
        .with_resource(STOCK)
}

fn named(resources: &[&str]) -> Vec<String> {
    resources.iter().map(|&one| one.to_owned()).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    named(words)
}

#[test]
fn a_resource_is_had_by_clients_that_are_allowed_it_and_by_no_others() {
    let spec = tenant().build();
    let not_allowed = |resource: &str| Err(Refusal::ResourceNotAllowed(resource.to_owned()));
    let rows = [
        ("by a scope of it", client(), ORDERS, Ok(())),
        ("by itself", client(), STOCK, Ok(())),
        ("the issuer, for its userinfo", client(), ISSUER, Ok(())),
        ("not at all", a_client(), ORDERS, not_allowed(ORDERS)),
        (
            "one that is not declared",
            client(),
            "https://elsewhere.test",
            not_allowed("https://elsewhere.test"),
        ),
        (
            "RFC 8707 §2 compared as text",
            client(),
            "https://orders.test/",
            not_allowed("https://orders.test/"),
        ),
        (
            "RFC 8707 §2 no absolute URI",
            client(),
            "orders",
            not_allowed("orders"),
        ),
        ("the client itself", client(), "app", not_allowed("app")),
    ];
    for (what, client, resource, expected) in rows {
        let scopes = Scopes::parse("openid");
        let told = may_have(&client.build(), &scopes, &named(&[resource]), &spec);
        assert_eq!(told, expected, "{what}");
    }
    let as_client = a_tenant().with_resource(a_resource("app", &[])).build();
    let client = a_client().with_resource("app").build();
    let told = may_have(&client, &Scopes::default(), &named(&["app"]), &as_client);
    assert_eq!(
        told,
        not_allowed("app"),
        "declared as what the client is called"
    );
}

#[test]
fn a_client_asks_for_the_scopes_it_is_allowed_and_for_no_others() {
    let spec = tenant().build();
    let peer = "audience:server:client_id:api";
    let refused = |scopes: &[&str]| Err(Refusal::ScopeNotAllowed(words(scopes)));
    let rows = [
        (
            "what is about people, without a list",
            a_client(),
            "openid groups phone",
            Ok(()),
        ),
        (
            "a resource's, without a list",
            a_client(),
            "openid orders:read",
            refused(&["orders:read"]),
        ),
        (
            "all on the list",
            client(),
            "openid email orders:read",
            Ok(()),
        ),
        (
            "more than the list",
            client(),
            "openid groups orders:write",
            refused(&["groups", "orders:write"]),
        ),
        (
            "a scope of a resource that is allowed by itself",
            client(),
            "stock:read",
            refused(&["stock:read"]),
        ),
        ("peers have their own list", client(), peer, Ok(())),
    ];
    for (what, client, scopes, expected) in rows {
        let told = may_have(&client.build(), &Scopes::parse(scopes), &[], &spec);
        assert_eq!(told, expected, "{what}");
    }
}

#[test]
fn rfc_9068_3_scopes_belong_to_one_resource_or_to_those_that_are_named() {
    let spec = tenant().build();
    let client = a_client()
        .with_scopes(&["openid", "orders:read", "stock:read"])
        .build();
    let both = "openid orders:read stock:read";
    let stray = Err(Refusal::ScopeOfAnotherResource(words(&["stock:read"])));
    let rows = [
        ("openid orders:read", named(&[]), Ok(())),
        (both, named(&[]), Err(Refusal::ScopesOfSeveralResources)),
        (both, named(&[ORDERS]), stray),
        (both, named(&[ORDERS, STOCK]), Ok(())),
        ("openid", named(&[ORDERS, ISSUER]), Ok(())),
        (
            "openid",
            vec![ORDERS.to_owned(); Resource::MOST_NAMED + 1],
            Err(Refusal::TooManyResources),
        ),
    ];
    for (scopes, resources, expected) in rows {
        let told = may_have(&client, &Scopes::parse(scopes), &resources, &spec);
        assert_eq!(told, expected, "{scopes} for {resources:?}");
    }
}

/// What an access token comes to: whom it is for, and with which scopes.
fn access(
    scopes: &str,
    resources: &[&str],
    narrowed_to: &[&str],
) -> Result<(Vec<String>, String), Refusal> {
    let client = a_client()
        .with_scopes(&[
            "openid",
            "email",
            "offline_access",
            "orders:read",
            "stock:read",
        ])
        .build();
    let granted = Granted {
        scopes: &Scopes::parse(scopes),
        resources: &named(resources),
        narrowed_to: &named(narrowed_to),
    };
    let access = Access::of(granted, &client, &tenant().build())?;
    let audience = serde_json::to_value(&access.audience).unwrap();
    let audience = match audience {
        serde_json::Value::String(one) => vec![one],
        several => serde_json::from_value(several).unwrap(),
    };
    Ok((audience, access.scopes.to_string()))
}

#[test]
fn rfc_9068_2_2_an_access_token_is_for_resources_or_the_issuer_and_never_for_the_client() {
    let two = "openid email offline_access orders:read stock:read";
    // scopes, named at the authorization; whom the token is for, with which scopes
    let rows: [(&str, &[&str], &[&str], &str); 8] = [
        ("openid email", &[], &[ISSUER], "openid email"),
        ("email", &[], &[ISSUER], "email"),
        ("orders:read", &[], &[ORDERS], "orders:read"),
        (
            "openid email orders:read",
            &[],
            &[ORDERS, ISSUER],
            "openid email orders:read",
        ),
        (
            "openid email orders:read",
            &[ORDERS],
            &[ORDERS],
            "orders:read",
        ),
        ("openid email", &[STOCK], &[STOCK], ""),
        (
            two,
            &[ORDERS, STOCK],
            &[ORDERS, STOCK],
            "orders:read stock:read",
        ),
        (two, &[STOCK, ORDERS, ISSUER], &[STOCK, ORDERS, ISSUER], two),
    ];
    for (scopes, resources, audience, good_for) in rows {
        let expected = Ok((named(audience), good_for.to_owned()));
        assert_eq!(
            access(scopes, resources, &[]),
            expected,
            "{scopes} {resources:?}"
        );
    }
}

#[test]
fn rfc_8707_2_2_a_token_request_narrows_to_resources_that_were_granted() {
    let two = "openid email orders:read stock:read";
    let not_granted = |one: &str| Err(Refusal::ResourceNotGranted(one.to_owned()));
    let good = |audience: &[&str], scopes: &str| Ok((named(audience), scopes.to_owned()));
    // scopes, named at the authorization, named now
    let rows: [(&str, &[&str], &[&str], Result<_, _>); 8] = [
        (
            two,
            &[ORDERS, STOCK],
            &[STOCK],
            good(&[STOCK], "stock:read"),
        ),
        (
            two,
            &[ORDERS, STOCK],
            &[ISSUER],
            good(&[ISSUER], "openid email"),
        ),
        (
            two,
            &[ORDERS, STOCK],
            &[STOCK, ISSUER],
            good(&[STOCK, ISSUER], "openid email stock:read"),
        ),
        (
            "openid orders:read",
            &[],
            &[ORDERS],
            good(&[ORDERS], "orders:read"),
        ),
        (
            "openid orders:read",
            &[],
            &[ISSUER],
            good(&[ISSUER], "openid"),
        ),
        ("openid orders:read", &[], &[STOCK], not_granted(STOCK)),
        ("openid", &[ORDERS], &[STOCK], not_granted(STOCK)),
        ("orders:read", &[], &[ISSUER], not_granted(ISSUER)),
    ];
    for (scopes, resources, narrowed_to, expected) in rows {
        let told = access(scopes, resources, narrowed_to);
        assert_eq!(told, expected, "{scopes} {resources:?} {narrowed_to:?}");
    }
}

#[test]
fn what_a_client_was_allowed_is_asked_again_for_every_token() {
    let spec = tenant().build();
    let of = |client: &Client, scopes: &str, resources: &[&str], narrowed_to: &[&str]| {
        let granted = Granted {
            scopes: &Scopes::parse(scopes),
            resources: &named(resources),
            narrowed_to: &named(narrowed_to),
        };
        Access::of(granted, client, &spec)
    };
    let withdrawn = a_client().build();
    let both = of(&withdrawn, "openid orders:read", &[], &[]).unwrap();
    assert!(both.audience.is_only(ISSUER));
    assert_eq!(both.scopes, Scopes::parse("openid"));
    let refused = Err(Refusal::ResourceNotAllowed(ORDERS.to_owned()));
    assert_eq!(of(&withdrawn, "orders:read", &[], &[]), refused);
    assert_eq!(of(&withdrawn, "openid", &[ORDERS], &[]), refused);
    assert_eq!(of(&withdrawn, "openid", &[ORDERS], &[ORDERS]), refused);

    let less = a_client().with_scopes(&["openid", "orders:read"]).build();
    let token = of(&less, "orders:read orders:write", &[], &[]).unwrap();
    assert_eq!(token.scopes, Scopes::parse("orders:read"));
}

#[test]
fn claims_are_carried_if_every_resource_of_a_token_is_to_have_them() {
    let with = |identifier: &str, claims: &[Claim]| Resource {
        claims: claims.iter().copied().collect(),
        ..a_resource(identifier, &[])
    };
    let spec = a_tenant()
        .with_resource(with(ORDERS, &[Claim::Groups, Claim::Email]))
        .with_resource(with(STOCK, &[Claim::Groups]))
        .with_resource(with("urn:none", &[]))
        .build();
    let client = a_client().with_resource(ORDERS).with_resource(STOCK);
    let client = client.with_resource("urn:none").build();
    let rows: [(&[&str], &[Claim]); 5] = [
        (&[ORDERS], &[Claim::Groups, Claim::Email]),
        (&[ORDERS, ISSUER], &[Claim::Groups, Claim::Email]),
        (&[ORDERS, STOCK], &[Claim::Groups]),
        (&[ORDERS, "urn:none"], &[]),
        (&[ISSUER], &[]),
    ];
    for (resources, expected) in rows {
        let granted = Granted {
            scopes: &Scopes::parse("openid"),
            resources: &named(resources),
            narrowed_to: &[],
        };
        let carried = Access::of(granted, &client, &spec).unwrap().carried;
        let expected = expected.iter().copied().collect();
        assert_eq!(carried, expected, "{resources:?}");
    }
}

#[test]
fn a_client_by_itself_has_what_it_is_allowed_at_the_resource_it_means() {
    let both: &[&str] = &["orders:read", "orders:write", "stock:read", "openid"];
    let one: &[&str] = &["orders:read"];
    let not_allowed = |resource: &str| Err(Refusal::ResourceNotAllowed(resource.to_owned()));
    let good = |audience: &str, scopes: &str| Ok((audience.to_owned(), scopes.to_owned()));
    // allowed, scopes, resources
    let rows: [(&[&str], &str, &[&str], Result<_, _>); 13] = [
        (both, "orders:read", &[], good(ORDERS, "orders:read")),
        (both, "orders:read", &[ORDERS], good(ORDERS, "orders:read")),
        (
            both,
            "",
            &[ORDERS],
            good(ORDERS, "orders:read orders:write"),
        ),
        (one, "", &[], good(ORDERS, "orders:read")),
        (one, "", &[ORDERS], good(ORDERS, "orders:read")),
        (both, "", &[], Err(Refusal::ResourceMissing)),
        (&[], "", &[], Err(Refusal::ResourceMissing)),
        (one, "", &[STOCK], not_allowed(STOCK)),
        (one, "", &[ISSUER], not_allowed(ISSUER)),
        (
            one,
            "orders:write",
            &[],
            Err(Refusal::ScopeNotAllowed(words(&["orders:write"]))),
        ),
        (
            both,
            "openid orders:read",
            &[],
            Err(Refusal::ScopeOfPeople(words(&["openid"]))),
        ),
        (
            both,
            "orders:all",
            &[],
            Err(Refusal::UnknownScope(words(&["orders:all"]))),
        ),
        (
            both,
            "orders:read stock:read",
            &[],
            Err(Refusal::ScopesOfSeveralResources),
        ),
    ];
    for (allowed, scopes, resources, expected) in rows {
        let client = a_client().with_scopes(allowed).build();
        let (scopes, resources) = (Scopes::parse(scopes), named(resources));
        let told = of_client_itself(&client, &scopes, &resources, &tenant().build());
        let told = told.map(|access| {
            assert!(!access.audience.contains("app") && !access.audience.contains(ISSUER));
            let audience = serde_json::to_value(&access.audience).unwrap();
            (
                audience.as_str().unwrap().to_owned(),
                access.scopes.to_string(),
            )
        });
        assert_eq!(told, expected, "{allowed:?}: {scopes} for {resources:?}");
    }
}
