use std::io::Read as _;
use std::path::Path;

use actix_web::http::Method;
use actix_web::http::header::HOST;
use actix_web::test::TestRequest;
use flate2::read::GzDecoder;
use insula_testkit::a_tenant;

use super::world::{AUTHORIZE, World, connecting, globex};

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
            ("pragma", "no-cache"),
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
async fn no_script_or_style_runs_that_is_no_file_of_the_theme() {
    let world = World::of([connecting("password").build()]).await;
    let begun = world.get(AUTHORIZE).await;
    let binding = begun.cookies()[0].split(';').next().unwrap();
    let form = TestRequest::get().uri(begun.header("location"));
    let form = form.insert_header(("cookie", binding));
    for answer in [world.ask(form).await, world.get("/").await] {
        assert_eq!(answer.status, 200);
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("; script-src 'self';"), "{policy}");
        assert!(policy.contains("; style-src 'self';"), "{policy}");
        assert!(!policy.contains("nonce") && !policy.contains("unsafe"));
        let page = answer.text();
        assert!(!page.contains("<style") && !page.contains(" style="));
        let scripts = page.matches("<script").count();
        assert_eq!(scripts, page.matches("<script src=\"/static/").count());
    }
}

#[actix_web::test]
async fn without_tls_a_browser_is_not_told_to_insist_on_it() {
    let world = World::of([a_tenant().at("plain", "http://plain.test").build()]).await;
    let answer = world.get_at("plain.test", "/").await;
    assert_eq!(answer.header("strict-transport-security"), "");
}

/// The length of an answer in which a secret and a stranger's words are packed together tells how
/// alike they are.
#[actix_web::test]
async fn a_page_is_never_packed_beside_what_others_chose() {
    let world = World::usual().await;
    for (host, path) in [
        ("acme.test", "/"),
        ("acme.test", "/auth"),
        ("acme.test", "/logout"),
        ("globex.test", "/auth?client_id=%3Cb%3E"),
    ] {
        let request = TestRequest::get().uri(path);
        let request = request.insert_header((HOST, host));
        let request = request.insert_header(("accept-encoding", "gzip"));
        let answer = world.ask(request).await;
        assert_eq!(answer.header("content-encoding"), "", "{path}");
        assert!(answer.text().contains("</html>"), "{path}");
    }
}

/// Where a page's own style sheets are.
fn sheets_of(page: &str) -> Vec<String> {
    let links = page.split("<link rel=\"stylesheet\" href=\"").skip(1);
    links
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

#[actix_web::test]
async fn a_style_sheet_is_a_file_below_the_issuer_and_may_be_kept_for_ever() {
    let path_issuer = a_tenant().at("initech", "https://login.test/initech");
    let tenants = [a_tenant().build(), globex(), path_issuer.build()];
    let world = World::of(tenants).await;
    for (host, base) in [
        ("acme.test", ""),
        ("globex.test", ""),
        ("login.test", "/initech"),
    ] {
        let page = world.get_at(host, &format!("{base}/logout")).await;
        let sheets = sheets_of(page.text());
        assert_eq!(sheets.len(), 2, "{host}");
        for path in sheets {
            let opening = format!("{base}/static/theme/");
            assert!(path.starts_with(&opening), "{host}: {path}");
            for method in [Method::GET, Method::HEAD] {
                let request = TestRequest::with_uri(&path).method(method);
                let sheet = world.ask(request.insert_header((HOST, host))).await;
                assert_eq!(sheet.status, 200, "{path}");
                let kept = "public, max-age=31536000, immutable";
                assert_eq!(sheet.header("cache-control"), kept);
                assert_eq!(sheet.header("content-type"), "text/css; charset=utf-8");
                assert_eq!(sheet.header("x-content-type-options"), "nosniff");
            }
        }
    }
}

#[actix_web::test]
async fn a_file_is_packed_for_whoever_takes_it_so_and_tagged_by_its_form() {
    let world = World::usual().await;
    let page = world.get("/").await;
    let rules = sheets_of(page.text()).pop().unwrap();
    let ask = async |accepted: &str, known: &str| {
        let request = TestRequest::get().uri(&rules);
        let request = request.insert_header(("accept-encoding", accepted));
        world
            .ask(request.insert_header(("if-none-match", known)))
            .await
    };
    let plain = ask("br", "").await;
    assert_eq!(plain.header("content-encoding"), "");
    assert_eq!(plain.header("vary"), "Accept-Encoding");
    let packed = ask("br, gzip", "").await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert_eq!(packed.header("vary"), "Accept-Encoding");
    let mut text = String::new();
    GzDecoder::new(&packed.bytes[..])
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, plain.text());
    assert!(packed.bytes.len() < plain.bytes.len() / 2);
    let tags = [plain.header("etag"), packed.header("etag")];
    assert_ne!(tags[0], tags[1]);
    assert_eq!(ask("gzip", tags[1]).await.status, 304);
    assert_eq!(ask("gzip", tags[0]).await.status, 200);
    assert_eq!(ask("identity", tags[0]).await.status, 304);
    for refused in ["gzip;q=0", "identity, gzip;q=0.5", "x-gzip", "*"] {
        let answer = ask(refused, "").await;
        assert_eq!(answer.header("content-encoding"), "", "{refused}");
    }
}

/// A page made before its theme changed, or by a node that has the change already.
#[actix_web::test]
async fn a_style_sheet_by_another_hash_is_the_one_there_is_and_is_not_kept() {
    let world = World::usual().await;
    let page = world.get("/").await;
    let rules = sheets_of(page.text()).pop().unwrap();
    let (folder, name) = rules.rsplit_once('/').unwrap();
    let other = format!("{folder}/0123456789abcdef-{}", &name[17..]);
    let (current, former) = (world.get(&rules).await, world.get(&other).await);
    assert_eq!(former.status, 200, "{other}");
    assert_eq!(former.bytes, current.bytes);
    assert_eq!(former.header("cache-control"), "no-store");
    let unknown = world.get("/static/theme/0123456789abcdef-none.css").await;
    assert_eq!((unknown.status, unknown.bytes.len()), (404, 19));
    assert_eq!(unknown.header("cache-control"), "no-store");
}

/// A tenant with files of its own in this folder.
async fn with_files(folder: &Path) -> World {
    let files = folder.join("static");
    std::fs::create_dir(&files).unwrap();
    std::fs::write(files.join("extra.css"), "a{color:red}").unwrap();
    std::fs::create_dir(files.join("theme")).unwrap();
    std::fs::write(files.join("theme/own.css"), "b{}").unwrap();
    std::fs::write(files.join("page.html"), "<script>alert(1)</script>").unwrap();
    std::fs::write(folder.join("secret.txt"), "hunter2").unwrap();
    let overlaid = a_tenant().with(|spec| spec.frontend.overlay = Some(folder.to_owned()));
    World::of([overlaid.build()]).await
}

#[actix_web::test]
async fn a_file_is_kept_by_its_hash_and_not_sent_twice() {
    let folder = tempfile::tempdir().unwrap();
    let world = with_files(folder.path()).await;
    assert_eq!(world.get("/static/theme/own.css").await.text(), "b{}");
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
        assert!(answer.text().contains("<link rel=\"stylesheet\""), "{path}");
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
