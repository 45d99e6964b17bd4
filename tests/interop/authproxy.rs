//! Apache as the proxy in front of us that knows who people are.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use data_encoding::BASE64;
use insula_tests::{Agent, Deployment, Person, RelyingParty, free_port, program};
use nix::unistd::Uid;
use serde_json::json;

use crate::program::{Program, wait_until_it_listens};

const TENANT: &str = r#"
issuer: http://127.0.0.1:APACHE/acme
connectors: [{ type: authproxy, id: proxy, name: Intranet, config: { staticGroups: [people] } }]
oauth2: { skipApprovalScreen: true }
staticClients:
  - { id: app, secret: app-secret, redirectURIs: ["https://app.example/callback"] }
"#;

/// The line of `kim` in a file of htpasswd.
const KIM: &str = "kim:$2y$05$aELCSupbnVRP2XFUwbK0H.eNUmkaYAK5KQ4ba.rvOez7rj6KjZemW\n";

fn configured(root: &Path, port: u16, to: u16) -> String {
    let modules = [
        "mpm_event",
        "authn_core",
        "authn_file",
        "auth_basic",
        "authz_core",
        "authz_user",
        "headers",
        "proxy",
        "proxy_http",
    ];
    let modules = modules
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"));
    let user = if Uid::effective().is_root() {
        "User www-data\nGroup www-data\n"
    } else {
        ""
    };
    let guide = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docs/guides/connectors/authproxy.md"
    ));
    let guide = guide.unwrap();
    let (_, guide) = guide.split_once("```apache\n").unwrap();
    let (guide, _) = guide.split_once("```").unwrap();
    let guide = guide
        .replace("http://10.0.0.5:5556/", &format!("http://127.0.0.1:{to}/"))
        .replace(
            "/etc/apache2/people",
            &root.join("people").display().to_string(),
        );
    let root = root.display();
    format!(
        r#"{modules}{user}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
DefaultRuntimeDir "{root}"
PidFile "{root}/pid"
Mutex "file:{root}" default
ErrorLog /dev/stderr
{guide}
"#,
        modules = modules.concat(),
    )
}

#[tokio::test]
async fn whom_apache_lets_through_is_logged_in_and_nobody_says_so_of_themselves() {
    let Some(apache) = program("INSULA_TEST_APACHE") else {
        return;
    };
    let port = free_port();
    let deployment = Deployment::build()
        .tenant("acme", &TENANT.replace("APACHE", &port.to_string()))
        .setting("trustedProxies: [127.0.0.1/32]")
        .done();
    let _server = deployment.open().await;
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    fs::write(folder.path().join("people"), KIM).unwrap();
    let config = configured(folder.path(), port, deployment.port);
    fs::write(folder.path().join("httpd.conf"), config).unwrap();
    let mut command = Command::new(apache);
    command
        .arg("-d")
        .arg(folder.path())
        .arg("-f")
        .arg(folder.path().join("httpd.conf"))
        .arg("-X");
    let _apache = Program::start(&mut command);
    wait_until_it_listens(port).await;

    let issuer = format!("http://127.0.0.1:{port}/acme");
    let app = RelyingParty::new(&issuer, "app", "app-secret", "https://app.example/callback");
    let app = app.with_scope("openid profile email groups");
    let kims = format!("Basic {}", BASE64.encode(b"kim:apache-secret"));
    // What a browser writes by itself is stripped, whatever the name.
    let forger = || {
        Agent::new()
            .with_header("x-remote-user", "admin")
            .with_header("x-remote-user-id", "admin")
            .with_header("x-remote-group", "admins")
    };
    let kim = forger().with_header("authorization", &kims);
    let tokens = app.log_in(&kim, &Person::at("proxy")).await;
    for (claim, value) in [
        ("name", json!("kim")),
        ("preferred_username", json!("kim")),
        ("groups", json!(["people"])),
    ] {
        assert_eq!(*tokens.claim(claim), value, "{claim}");
    }

    let login = app.begin();
    let nobody = forger();
    let at_callback = nobody.get(&login.url).await.expect(303).location();
    assert!(
        at_callback.path().ends_with("/callback/proxy"),
        "{at_callback}"
    );
    nobody.get(&at_callback).await.expect(401);
}
