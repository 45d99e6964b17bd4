//! Apache with mod_auth_openidc as the guard of a page.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use insula_tests::{Agent, Deployment, Process, free_port, program};
use nix::unistd::Uid;
use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Program, log_in, wait_until_it_listens};
use crate::{SOMEBODY, both_dialects_with, build_both_dialects};

const SECRET: &str = "secret-of-the-page";

/// Where Apache logs people in.
#[derive(Clone, Copy)]
enum Tenant {
    Ours,
    /// As the released dex, which has neither sessions nor a logout.
    Dex,
    /// As the next dex with its flag.
    DexWithSessions,
}

impl Tenant {
    fn path(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Dex | Self::DexWithSessions => "dex",
        }
    }

    fn session_cookie(self) -> &'static str {
        match self {
            Self::Ours => "insula_session.ours",
            Self::Dex | Self::DexWithSessions => "dex_session.dex",
        }
    }

    /// How the logout sends the browser on.
    fn redirect(self) -> u16 {
        match self {
            Self::Ours => 303,
            Self::Dex | Self::DexWithSessions => 302,
        }
    }
}

/// Apache in front of a page, and the tenant it logs people in at.
struct Guarded {
    address: String,
    issuer: String,
    _apache: Program,
    _server: Process,
    _folder: TempDir,
    _deployment: Deployment,
}

impl Guarded {
    async fn at(tenant: Tenant) -> Option<Self> {
        let apache = program("INSULA_TEST_APACHE")?;
        let port = free_port();
        let address = format!("http://127.0.0.1:{port}");
        let client = format!(
            "id: apache, name: Apache, secret: {SECRET}, redirectURIs: [\"{address}/callback\"]"
        );
        let with_logout = format!(
            "{{ {client}, postLogoutRedirectURIs: [\"{address}/out\"], \
             backchannelLogoutURI: \"{address}/callback?logout=backchannel\" }}"
        );
        let deployment = match tenant {
            Tenant::Dex => both_dialects_with(&with_logout, &format!("{{ {client} }}"), ""),
            Tenant::Ours | Tenant::DexWithSessions => {
                build_both_dialects(&with_logout, &with_logout, "")
                    .variable("DEX_SESSIONS_ENABLED", "true")
                    .done()
            }
        };
        let server = deployment.open().await;
        let issuer = format!("http://127.0.0.1:{}/{}", deployment.port, tenant.path());
        let folder = laid_out(port, &address, &issuer);
        let mut command = Command::new(apache);
        command
            .arg("-d")
            .arg(folder.path())
            .arg("-f")
            .arg(folder.path().join("httpd.conf"))
            .arg("-X"); // one process, which ends when it is killed
        let running = Program::start(&mut command);
        wait_until_it_listens(port).await;
        Some(Self {
            address,
            issuer,
            _apache: running,
            _server: server,
            _folder: folder,
            _deployment: deployment,
        })
    }

    fn page(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    async fn info(&self, browser: &Agent) -> Value {
        let info = browser.get(self.page("/callback?info=json")).await;
        info.expect(200).json()
    }
}

fn laid_out(port: u16, address: &str, issuer: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    // It serves as somebody else once it listens.
    fs::set_permissions(root, Permissions::from_mode(0o755)).unwrap();
    let documents = root.join("documents");
    fs::create_dir(&documents).unwrap();
    for name in ["secret", "out"] {
        fs::write(documents.join(name), name).unwrap();
    }
    let config = configured(root, &documents, port, address, issuer);
    fs::write(root.join("httpd.conf"), config).unwrap();
    folder
}

fn configured(root: &Path, documents: &Path, port: u16, address: &str, issuer: &str) -> String {
    let modules = [
        "mpm_event",
        "authn_core",
        "authz_core",
        "authz_user",
        "headers",
        "auth_openidc",
    ];
    let modules = modules
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"));
    let user = if Uid::effective().is_root() {
        "User www-data\nGroup www-data\n"
    } else {
        ""
    };
    let root = root.display();
    format!(
        r#"{modules}{user}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
DefaultRuntimeDir "{root}"
PidFile "{root}/pid"
Mutex "file:{root}" default
ErrorLog /dev/stderr
DocumentRoot "{documents}"
OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCClientID apache
OIDCClientSecret {SECRET}
OIDCRedirectURI {address}/callback
OIDCCryptoPassphrase passphrase-of-its-cookies
OIDCPKCEMethod S256
OIDCScope "openid profile email groups offline_access"
OIDCPassUserInfoAs claims json
OIDCInfoHook access_token refresh_token id_token
<Location /secret>
  AuthType openid-connect
  Require claim groups:authors
  Header set X-Email "%{{OIDC_CLAIM_email}}e"
  Header set X-Userinfo "%{{OIDC_USERINFO_json}}e"
</Location>
<Location /callback>
  AuthType openid-connect
  Require valid-user
</Location>
"#,
        modules = modules.concat(),
        documents = documents.display(),
    )
}

async fn shows_the_page_and_refreshes_at(tenant: Tenant) -> Option<(Guarded, Agent)> {
    let guarded = Guarded::at(tenant).await?;
    let browser = Agent::new();
    let (page, back_at) = (guarded.page("/secret"), guarded.page("/callback"));
    log_in(&browser, &page, &back_at, &SOMEBODY).await;
    let shown = browser.get(&page).await.expect(200);
    assert_eq!(shown.body, "secret");
    assert_eq!(shown.header("x-email"), "kilgore@kilgore.trout");
    let userinfo: Value = serde_json::from_str(shown.header("x-userinfo")).unwrap();
    assert_eq!(userinfo["groups"][0], "authors", "{userinfo:#}");

    let before = guarded.info(&browser).await;
    assert_eq!(before["id_token"]["iss"], guarded.issuer, "{before:#}");
    let token = before["access_token"].as_str().unwrap();
    let refresh = guarded.page(&format!("/callback?refresh={page}&access_token={token}"));
    let back = browser.get(refresh).await.expect(302);
    assert_eq!(back.location().as_str(), page, "{back:?}");
    let after = guarded.info(&browser).await;
    assert_ne!(after["access_token"], before["access_token"]);
    assert_ne!(after["refresh_token"], before["refresh_token"]);
    Some((guarded, browser))
}

async fn logs_in_refreshes_and_logs_out_at(tenant: Tenant) {
    let Some((guarded, browser)) = shows_the_page_and_refreshes_at(tenant).await else {
        return;
    };
    assert!(has_session(&browser, tenant));
    let out = guarded.page("/out");
    let logout = guarded.page(&format!("/callback?logout={out}"));
    let to_us = browser.get(logout).await.expect(302).location();
    assert!(to_us.as_str().starts_with(&guarded.issuer), "{to_us}");
    let back = browser.get(&to_us).await.expect(tenant.redirect());
    assert_eq!(back.location().as_str(), out);
    assert!(!has_session(&browser, tenant));
    browser.get(guarded.page("/secret")).await.expect(302);
}

fn has_session(browser: &Agent, tenant: Tenant) -> bool {
    let cookies = browser.cookies();
    cookies
        .iter()
        .any(|cookie| cookie.name == tenant.session_cookie())
}

/// The person says at the tenant that they leave, and Apache hears of it.
async fn ends_by_the_back_channel_at(tenant: Tenant) {
    let Some(guarded) = Guarded::at(tenant).await else {
        return;
    };
    let browser = Agent::new();
    let (page, back_at) = (guarded.page("/secret"), guarded.page("/callback"));
    log_in(&browser, &page, &back_at, &SOMEBODY).await;
    browser.get(&page).await.expect(200);

    let asked = browser.get(format!("{}/logout", guarded.issuer)).await;
    let asked = asked.expect(200);
    let shown = asked.page();
    let form = shown.form_with("submit-logout").unwrap();
    let filled = form.filled(&[], "submit-logout");
    let filled = filled
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let to = asked.url.join(&form.action).unwrap();
    let done = browser.post(to, &filled.collect::<Vec<_>>()).await;
    done.expect(200);

    // The tenant answers before it has told anybody.
    let deadline = Instant::now() + Duration::from_secs(30);
    while browser.get(&page).await.status == 200 {
        assert!(Instant::now() < deadline, "nobody told Apache");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    browser.get(&page).await.expect(302);
}

#[tokio::test]
async fn mod_auth_openidc_logs_in_refreshes_and_logs_out_at_a_tenant_of_ours() {
    logs_in_refreshes_and_logs_out_at(Tenant::Ours).await;
}

#[tokio::test]
async fn mod_auth_openidc_logs_in_refreshes_and_logs_out_at_a_tenant_of_dex_with_sessions() {
    logs_in_refreshes_and_logs_out_at(Tenant::DexWithSessions).await;
}

#[tokio::test]
async fn a_session_at_apache_ends_by_the_back_channel_when_the_person_logs_out_at_the_tenant() {
    ends_by_the_back_channel_at(Tenant::Ours).await;
}

#[tokio::test]
async fn a_session_at_apache_ends_by_the_back_channel_of_a_tenant_of_dex_with_sessions() {
    ends_by_the_back_channel_at(Tenant::DexWithSessions).await;
}

#[tokio::test]
async fn mod_auth_openidc_logs_in_and_refreshes_at_a_tenant_of_dex() {
    shows_the_page_and_refreshes_at(Tenant::Dex).await;
}
