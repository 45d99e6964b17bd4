use insula_model::{ClientAddressHeader, CorsOrigins};

use super::{dexs, ours};

fn listed(origins: &[&str]) -> CorsOrigins {
    CorsOrigins::Listed(origins.iter().map(ToString::to_string).collect())
}

#[test]
fn scripts_of_any_origin_may_read_what_our_file_does_not_restrict() {
    let open = ours("").spec().http.cors;
    assert_eq!((open.origins, open.headers), (CorsOrigins::Any, None));
    let some = "cors: { allowedOrigins: [\"https://spa.test\"], allowedHeaders: [X-Tenant] }\n";
    let some = ours(some).spec().http.cors;
    assert_eq!(some.origins, listed(&["https://spa.test"]));
    assert_eq!(some.headers.unwrap(), ["x-tenant"]);
    let none = ours("cors: { allowedOrigins: [] }\n").spec().http.cors;
    assert_eq!(none.origins, CorsOrigins::None);
    let dex = ours("profile: dex\n").spec().http.cors;
    assert_eq!(dex.origins, CorsOrigins::None);
}

#[test]
fn an_origin_no_browser_sends_is_refused_with_its_place() {
    for origin in [
        "https://spa.test/",
        "spa.test",
        "https://SPA.test",
        "null",
        "https://a.test:443",
    ] {
        let said = ours(&format!("cors: {{ allowedOrigins: [\"{origin}\"] }}\n")).only();
        assert!(
            said.starts_with("error tenant.yaml:3:26: cors.allowedOrigins[0]:"),
            "{said}"
        );
    }
}

#[test]
fn the_web_section_of_a_dex_file_is_obeyed() {
    let text = "web:
  http: 0.0.0.0:5556
  allowedOrigins: [https://spa.test, \"http://localhost:3000\"]
  headers: { Strict-Transport-Security: \"max-age=5\", X-XSS-Protection: \"\" }
  clientRemoteIP: { header: X-Forwarded-For, trustedProxies: [10.0.0.0/8] }
";
    let http = dexs(text).spec().http;
    let origins = listed(&["https://spa.test", "http://localhost:3000"]);
    assert_eq!(http.cors.origins, origins);
    assert_eq!(http.cors.headers.unwrap(), ["authorization"]);
    let sent = (
        "strict-transport-security".to_owned(),
        "max-age=5".to_owned(),
    );
    assert_eq!(http.headers, [sent]);
    let address = ClientAddressHeader {
        header: "x-forwarded-for".to_owned(),
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
    };
    assert_eq!(http.client_address, Some(address));
    let any = dexs("web: { allowedOrigins: [\"*\"] }\n").spec().http.cors;
    assert_eq!((any.origins, any.headers), (CorsOrigins::Any, None));
}

#[test]
fn a_header_that_cannot_be_sent_is_refused_in_our_file_and_left_out_of_a_dex_file() {
    for (name, value) in [
        ("X-Split", "a\\nb"),
        ("X-Blank", " a"),
        ("X Name", "a"),
        ("Content-Length", "0"),
        ("Set-Cookie", "a=b"),
        ("Access-Control-Allow-Origin", "*"),
    ] {
        let said = ours(&format!("headers: {{ \"{name}\": \"{value}\" }}\n")).only();
        assert!(said.starts_with("error tenant.yaml:3:"), "{name}: {said}");
    }
    let folder = dexs("web: { headers: { X-Frame-Options: \"a\\nb\" } }\n");
    assert!(folder.only().starts_with("warning dex.yaml:3:"));
    assert_eq!(folder.load().spec.unwrap().http.headers, []);
    let folder = dexs("web: { headers: { X-Other: a } }\n");
    assert!(folder.only().contains("nobody knows this key"));
}

#[test]
fn that_a_page_keeps_its_own_policy_is_told() {
    let said = ours("headers: { Content-Security-Policy: \"default-src *\" }\n").only();
    assert!(
        said.starts_with("info") && said.contains("every answer but pages"),
        "{said}"
    );
}

#[test]
fn a_client_address_header_without_proxies_is_warned_of() {
    let said = dexs("web: { clientRemoteIP: { header: X-Real-IP } }\n").only();
    assert!(
        said.starts_with("warning") && said.contains("trusted proxies"),
        "{said}"
    );
}

#[test]
fn a_tenant_yaml_beside_a_dex_file_holds_limits_and_default_and_nothing_else() {
    let beside = "limits: { requests: 50/s }\ndefault: true\n";
    let folder = dexs("").file("tenant.yaml", beside);
    let spec = folder.spec();
    assert_eq!(spec.limits.requests.unwrap().count, 50);
    assert!(spec.is_default);
    let loaded = folder.load();
    let is_beside = |path: &std::path::Path| path.ends_with("tenant.yaml");
    assert!(loaded.seen.paths().any(is_beside));
    let mark = loaded.default_mark.unwrap();
    assert!(is_beside(&mark.file) && mark.at.line == 2);
    let folder = dexs("").file("tenant.yaml", "issuer: https://other.test\n");
    let said = folder.only();
    assert!(
        said.starts_with("error tenant.yaml:1:1: issuer: nobody knows"),
        "{said}"
    );
    assert!(folder.load().spec.is_err());
}

#[test]
fn a_tenant_yaml_that_appears_beside_a_dex_file_is_noticed() {
    let alone = dexs("").load();
    let mut paths = alone.seen.paths();
    assert!(paths.any(|path| path.ends_with("tenant.yaml")));
}

#[test]
fn a_quota_may_be_none() {
    let spec = ours("limits: { requests: none }\n").spec();
    assert_eq!(spec.limits.requests, None);
}
