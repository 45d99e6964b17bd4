use std::fs;
use std::process::Command;

use super::{dexs, ours};

const PEM: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

fn portal(secret: &str) -> String {
    format!("staticClients: [{{ id: a, secret: {secret}, redirectURIs: [https://a.test/cb] }}]\n")
}

#[test]
fn a_secret_that_is_a_device_fails_its_tenant_alone_with_its_place() {
    for path in ["/dev/zero", "zero"] {
        let folder = ours(&portal(&format!("{{ file: {path} }}"))).link("zero", "/dev/zero");
        let said = folder.allowing("/dev".as_ref()).only();
        assert!(said.starts_with("error tenant.yaml:3:"), "{said}");
        assert!(
            said.contains("is a device and not a regular file"),
            "{said}"
        );
    }
}

#[test]
fn a_named_pipe_as_a_secret_or_as_the_tenants_own_file_makes_nobody_wait() {
    let folder = ours(&portal("{ file: pipe }"));
    let pipe = |path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    pipe(folder.dir.path().join("pipe"));
    assert!(
        folder.only().contains("is a named pipe"),
        "{}",
        folder.only()
    );
    let own = folder.source().file;
    fs::remove_file(&own).unwrap();
    pipe(own);
    assert!(
        folder.only().contains("the file is a named pipe"),
        "{}",
        folder.only()
    );
}

#[test]
fn a_secret_outside_the_folder_is_read_only_where_the_server_allows_it() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("portal"), "s3cret\n").unwrap();
    let named = outside.path().join("portal");
    for folder in [
        ours(&portal(&format!("{{ file: {} }}", named.display()))),
        ours(&portal("{ file: link }")).link("link", &named),
        ours(&portal("{ file: folder/portal }")).link("folder", outside.path()),
    ] {
        let said = folder.only();
        assert!(said.starts_with("error tenant.yaml:3:"), "{said}");
        assert!(said.contains("add its folder to allowedFolders"), "{said}");
        let spec = folder.allowing(outside.path()).spec();
        assert!(spec.client("a").unwrap().secrets[0].matches("s3cret"));
    }
}

#[test]
fn a_theme_never_shows_what_lies_beside_it_although_the_server_allows_it_for_secrets() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("insula.key"), "key").unwrap();
    for folder in [
        ours("").link("theme/logo.png", outside.path().join("insula.key")),
        ours("").link("theme/static/all", outside.path()),
        ours("").link("theme/logo.svg", "../tenant.yaml"),
        ours("").link("theme", outside.path()),
    ] {
        let folder = folder.allowing(outside.path());
        let said = folder.only();
        assert!(said.starts_with("error tenant.yaml: theme: "), "{said}");
        assert!(said.contains("outside the folders"), "{said}");
    }
}

#[test]
fn a_theme_mounted_by_kubernetes_is_read() {
    let spec = ours("frontend: { logoURL: theme/logo.svg }\n")
        .file("theme/..2026/logo.svg", "<svg/>")
        .link("theme/..data", "..2026")
        .link("theme/logo.svg", "..data/logo.svg")
        .spec();
    assert_eq!(spec.frontend.logo_url.as_deref(), Some("theme/logo.svg"));
}

#[test]
fn certificates_are_read_with_the_tenant_and_a_new_one_is_a_change() {
    let text = "connectors: [{ type: oidc, id: o, name: O, config: { RootCAs: [ca.pem] } }]\n";
    let folder = ours(text).file("ca.pem", PEM);
    let before = folder.load();
    let config = &before.spec.as_ref().unwrap().connectors[0].config;
    assert_eq!(config["RootCAs"][0], PEM);
    let folder = folder.file("ca.pem", &PEM.replace("AAAA", "BBBB"));
    assert_ne!(folder.load().seen.fingerprint(), before.seen.fingerprint());

    let outside = text.replace("ca.pem", "/etc/passwd");
    let said = ours(&outside).only();
    assert!(said.starts_with("error tenant.yaml:3:"), "{said}");
    assert!(
        said.contains("rootCAs[0]") || said.contains("RootCAs[0]"),
        "{said}"
    );
    let said = dexs(&outside).only();
    assert!(
        said.starts_with("warning"),
        "dex serves without the connector: {said}"
    );
}

#[test]
fn a_key_and_a_token_written_out_are_no_paths_and_a_path_that_leads_nowhere_is_told() {
    let key = r#"{"type":"service_account","private_key":"x"}"#;
    let token = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJhIn0.c2lnbmVk";
    let with = |setting: &str| {
        ours(&format!(
            "connectors: [{{ type: oidc, id: o, name: O, config: {{ rootCAs: [{setting:?}] }} }}]\n"
        ))
    };
    for written in [key, token] {
        let spec = with(written).spec();
        assert_eq!(spec.connectors[0].config["rootCAs"][0], written);
    }
    for path in ["eyJ.json", "key.json"] {
        let spec = with(path).file(path, key).spec();
        assert_eq!(spec.connectors[0].config["rootCAs"][0], key, "{path}");
        let said = with(path).only();
        assert!(said.starts_with("error tenant.yaml:3:"), "{said}");
        assert!(
            said.contains("holds no certificate, key or token"),
            "{said}"
        );
    }
}

#[test]
fn certificates_written_out_are_taken_as_they_are() {
    let base64 = data_encoding::BASE64.encode(PEM.as_bytes());
    let text = format!(
        "connectors: [{{ type: oidc, id: o, name: O, config: {{ rootCAs: [{base64}, {PEM:?}] }} }}]\n"
    );
    let spec = ours(&text).spec();
    assert_eq!(
        spec.connectors[0].config["rootCAs"],
        serde_json::json!([base64, PEM])
    );
}
