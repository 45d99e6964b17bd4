use std::io::Read as _;
use std::path::Path;

use actix_web::http::header::HOST;
use actix_web::test::TestRequest;
use flate2::read::GzDecoder;
use insula_testkit::a_tenant;

use super::world::{AUTHORIZE, World, connecting};

#[actix_web::test]
async fn every_page_has_the_headers_that_guard_it() {
    let world = World::of([a_tenant()
        .with_connector(insula_testkit::a_connector("b"))
        .build()])
    .await;
    for (path, status) in [
        ("/", 200),
        (AUTHORIZE, 200),
        ("/auth", 400),
        ("/approval", 400),
        ("/static/nothing.css", 404),
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        for (name, value) in [
            ("content-type", "text/html; charset=utf-8"),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("strict-transport-security", "max-age=31536000"),
            ("content-language", "en"),
        ] {
            assert_eq!(answer.header(name), value, "{path}: {name}");
        }
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe-inline"), "{path}: {policy}");
        assert!(answer.header("vary").contains("Accept-Language"), "{path}");
        assert_eq!(answer.header("server"), "", "{path}");
    }
}

#[actix_web::test]
async fn every_nonce_is_new_and_the_one_of_the_policy() {
    let world = World::usual().await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let answer = world.get("/").await;
        let policy = answer.header("content-security-policy").to_owned();
        let nonce = policy.split("'nonce-").nth(1).unwrap();
        let nonce = nonce.split('\'').next().unwrap().to_owned();
        assert!(answer.text().contains(&format!("nonce=\"{nonce}\"")));
        assert!(!seen.contains(&nonce));
        seen.push(nonce);
    }
}

#[actix_web::test]
async fn without_tls_a_browser_is_not_told_to_insist_on_it() {
    let world = World::of([a_tenant().at("plain", "http://plain.test").build()]).await;
    let answer = world.get_at("plain.test", "/").await;
    assert_eq!(answer.header("strict-transport-security"), "");
}

#[actix_web::test]
async fn a_page_is_packed_for_whoever_takes_it_so() {
    let world = World::usual().await;
    let plain = world.get("/auth").await;
    assert_eq!(plain.header("content-encoding"), "");
    let request = TestRequest::get()
        .uri("/auth")
        .insert_header(("accept-encoding", "br, gzip"));
    let packed = world.ask(request).await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    let mut text = String::new();
    GzDecoder::new(&packed.bytes[..])
        .read_to_string(&mut text)
        .unwrap();
    assert!(text.contains("error-title"));
    assert!(packed.bytes.len() < plain.bytes.len());
}

/// A tenant with files of its own in this folder.
async fn with_files(folder: &Path) -> World {
    let files = folder.join("static");
    std::fs::create_dir(&files).unwrap();
    std::fs::write(files.join("extra.css"), "a{color:red}").unwrap();
    std::fs::write(files.join("page.html"), "<script>alert(1)</script>").unwrap();
    std::fs::write(folder.join("secret.txt"), "hunter2").unwrap();
    let overlaid = a_tenant().with(|spec| spec.frontend.overlay = Some(folder.to_owned()));
    World::of([overlaid.build()]).await
}

#[actix_web::test]
async fn a_file_is_kept_by_its_hash_and_not_sent_twice() {
    let folder = tempfile::tempdir().unwrap();
    let world = with_files(folder.path()).await;
    let plain = world.get("/theme/extra.css").await;
    assert_eq!((plain.status, plain.text()), (200, "a{color:red}"));
    assert_eq!(plain.header("cache-control"), "max-age=300");
    assert_eq!(plain.header("content-type"), "text/css; charset=utf-8");
    assert_eq!(plain.header("x-content-type-options"), "nosniff");
    let policy = plain.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'") && policy.ends_with("sandbox"));
    let etag = plain.header("etag").to_owned();
    let path = format!("/static/{}-extra.css", etag.trim_matches('"'));
    let hashed = world.get(&path).await;
    assert_eq!(hashed.status, 200, "{path}");
    assert!(hashed.header("cache-control").contains("immutable"));
    assert_eq!(hashed.header("etag"), etag);
    for known in [
        etag.clone(),
        format!("W/{etag}"),
        format!("\"x\", {etag}"),
        "*".to_owned(),
    ] {
        let request = TestRequest::get()
            .uri(&path)
            .insert_header(("if-none-match", known.as_str()));
        let again = world.ask(request).await;
        assert_eq!(again.status, 304, "{known}");
        assert!(again.bytes.is_empty());
        assert_eq!(again.header("etag"), etag);
    }
    let request = TestRequest::get()
        .uri(&path)
        .insert_header(("if-none-match", "\"other\""));
    assert_eq!(world.ask(request).await.status, 200);
}

#[actix_web::test]
async fn a_file_is_never_a_page_of_the_tenants_origin() {
    let folder = tempfile::tempdir().unwrap();
    let world = with_files(folder.path()).await;
    let answer = world.get("/static/page.html").await;
    if answer.status == 200 {
        assert_ne!(answer.header("content-type"), "text/html; charset=utf-8");
    }
    for path in [
        "/static/../secret.txt",
        "/static/..%2fsecret.txt",
        "/theme/secret.txt",
    ] {
        assert_eq!(world.get(path).await.status, 404, "{path}");
    }
}

#[actix_web::test]
async fn no_path_leads_out_of_the_theme() {
    let world = World::usual().await;
    for path in [
        "/static/..%2fstyle.css",
        "/static/..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "/static/../../etc/passwd",
        "/theme/..%5c..%5cetc%5cpasswd",
        "/static//etc/passwd",
        "/static/%00",
        "/static/",
        "/static/templates/error.html",
        "/static/theme.yaml",
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[actix_web::test]
async fn documents_say_how_long_they_may_be_kept() {
    let world = World::usual().await;
    let discovery = world.get("/.well-known/openid-configuration").await;
    assert_eq!(discovery.header("cache-control"), "public, max-age=300");
    let keys = world.get("/keys").await;
    let kept = keys.header("cache-control");
    assert!(kept.starts_with("max-age=") && kept.ends_with(", must-revalidate"));
    for answer in [discovery, keys] {
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
    let of_dex = world
        .get_at("globex.test", "/.well-known/openid-configuration")
        .await;
    assert_eq!(of_dex.header("cache-control"), "");
}

#[actix_web::test]
async fn the_answer_to_a_password_may_lead_wherever_the_client_sends_the_person() {
    let world = World::of([connecting("password").build()]).await;
    let begun = world.get(AUTHORIZE).await;
    assert_eq!(begun.status, 302, "{}", begun.text());
    let binding = begun.cookies()[0].split(';').next().unwrap().to_owned();
    let form = begun.header("location").to_owned();
    let request = TestRequest::get()
        .uri(&form)
        .insert_header(("cookie", binding))
        .insert_header((HOST, "acme.test"));
    let page = world.ask(request).await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy");
    assert!(!policy.contains("form-action"), "{policy}");
    assert_eq!(page.text().matches("<form").count(), 1, "{}", page.text());
    assert!(
        page.text()
            .contains(&format!("action=\"{}\"", form.replace('&', "&amp;")))
    );
}

#[actix_web::test]
async fn a_page_whose_template_fails_is_shown_by_the_built_in_theme_and_told_in_the_status() {
    let folder = tempfile::tempdir().unwrap();
    let templates = folder.path().join("templates");
    std::fs::create_dir(&templates).unwrap();
    std::fs::write(templates.join("home.html"), "{{ page.nothing }}").unwrap();
    std::fs::write(templates.join("error.html"), "{{ page.nothing }}").unwrap();
    let overlaid = a_tenant().with(|spec| spec.frontend.overlay = Some(folder.path().to_owned()));
    let world = World::of([overlaid.build()]).await;
    for (path, status) in [("/", 200), ("/auth", 400), ("/static/nothing.css", 404)] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.text().contains("style nonce="), "{path}: no theme");
    }
    let acme = insula_model::TenantId::parse("acme").unwrap();
    let status = world.state.tenancy.status(&acme).await.unwrap();
    let problem = status.page_problem.unwrap();
    assert!(problem.contains("error.html"), "{problem}");
}

#[actix_web::test]
async fn a_page_that_nothing_can_draw_is_no_success_and_an_error_stays_what_it_is() {
    let long = "x".repeat(3 << 20);
    let texts = ["home.title", "home.title-plain", "error.client-title"];
    let texts = texts.map(|key| (key.to_owned(), long.clone()));
    let unspeakable = a_tenant().with(|spec| {
        spec.frontend.texts = [("en".to_owned(), texts.into())].into();
    });
    let world = World::of([unspeakable.build()]).await;
    for (path, status) in [("/", 500), ("/auth", 400)] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.text().contains("Something went wrong"), "{path}");
    }
}
