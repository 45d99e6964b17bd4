//! People of Active Directory at the API server of Kubernetes, by the files of the guide.

use std::fs;
use std::path::{Path, PathBuf};

use insula_tests::{ActiveDirectory, Agent, Deployment, Person, claims_of, free_port, unique};
use reqwest::Certificate;
use serde_json::Value;

use crate::program::{Program, address, asked, command, log_in};

const GUIDE: &str = include_str!("../../docs/guides/kubernetes-active-directory.md");

/// The connector and the client of the guide, as an example file of dex has them.
const OF_DEX: &str = r#"# dex
issuer: https://login.acme.example
storage: { type: memory }
connectors:
- type: ldap
  id: ad
  name: Active Directory
  config:
    host: dc.acme.example
    rootCA: ad-ca.pem
    bindDN: svc-insula@acme.example
    bindPW: DIRECTORY_PASSWORD
    userSearch:
      baseDN: DC=acme,DC=example
      filter: "(objectCategory=person)"
      username: sAMAccountName
      idAttr: objectGUID
      emailAttr: userPrincipalName
      nameAttr: cn
      preferredUsernameAttr: sAMAccountName
    groupSearch:
      baseDN: OU=groups,DC=acme,DC=example
      userMatchers: [{ userAttr: DN, groupAttr: "member:1.2.840.113556.1.4.1941:" }]
      nameAttr: cn
staticClients:
- { id: kubernetes, name: Kubernetes, public: true, redirectURIs: ["http://localhost:8000"] }
"#;

/// The block of the guide that begins with the name of its file.
fn file_of_guide(name: &str) -> String {
    let begin = format!("```yaml\n# {name}\n");
    let (_, rest) = GUIDE.split_once(&begin).expect("the guide has the file");
    rest.split_once("```").unwrap().0.to_owned()
}

/// What a guide's reader has: a server with a domain, and a place for kubelogin to come back to.
struct Scene {
    domain: ActiveDirectory,
    deployment: Deployment,
    /// The certificate of the server, in PEM.
    certificate: String,
    https: u16,
    back: u16,
}

impl Scene {
    fn set(tenant: &str) -> Option<Self> {
        let domain = ActiveDirectory::find()?;
        let (https, back) = (free_port(), free_port());
        let with = |text: &str| in_the_guides_place(text, &domain, https, back);
        let deployment = Deployment::build()
            .tenant("acme", &with(tenant))
            .variable("DIRECTORY_PASSWORD", ActiveDirectory::PASSWORD)
            .setting(&format!("listen: {{ https: \"127.0.0.1:{https}\" }}"))
            .setting("tls: { cert: login.pem, key: login.key }")
            .done();
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let certificate = made.cert.pem();
        let at = deployment.folder();
        fs::write(at.join("login.pem"), &certificate).unwrap();
        fs::write(at.join("login.key"), made.signing_key.serialize_pem()).unwrap();
        let beside = deployment.tenant_file("acme").with_file_name("ad-ca.pem");
        fs::write(beside, domain.authority()).unwrap();
        Some(Self {
            domain,
            deployment,
            certificate,
            https,
            back,
        })
    }

    /// A file of the guide, with what is the reader's own put in.
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let text = in_the_guides_place(text, &self.domain, self.https, self.back);
        let path = self.deployment.folder().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn authenticator(&self) -> Program {
        let text = file_of_guide("/etc/kubernetes/authentication.yaml");
        let indented = self.certificate.trim().replace('\n', "\n        ");
        let (before, rest) = text.split_once("-----BEGIN").unwrap();
        let (_, after) = rest.split_once("CERTIFICATE-----\n    claim").unwrap();
        let text = format!("{before}{indented}\n    claim{after}");
        let file = self.write("authentication.yaml", &text);
        let mut command = command("apiserver").unwrap();
        command.arg("--authentication-config").arg(file);
        Program::start(&mut command)
    }

    /// kubelogin with what the guide's kubeconfig has it do.
    fn kubelogin(&self, cache: &Path) -> Program {
        let mut command = command("kubelogin").unwrap();
        command.arg("get-token");
        let kubeconfig = file_of_guide("kubeconfig");
        let arguments = kubeconfig.lines().map(str::trim);
        let arguments = arguments.filter_map(|line| line.strip_prefix("- "));
        for argument in arguments.filter(|argument| argument.starts_with("--")) {
            let argument = argument.replace("login-ca.pem", "login.pem");
            command.arg(in_the_guides_place(
                &argument,
                &self.domain,
                self.https,
                self.back,
            ));
        }
        command
            .arg(format!("--token-cache-dir={}", cache.display()))
            .arg(format!("--listen-address=127.0.0.1:{}", self.back))
            .args(["--skip-open-browser", "--force-refresh"])
            .current_dir(self.deployment.folder());
        Program::start(&mut command)
    }

    /// A token of somebody who sees the page.
    async fn token_by_page(&self, kubelogin: &mut Program, name: &str) -> String {
        let here = kubelogin.says(address).await;
        let authority = Certificate::from_pem(self.certificate.as_bytes()).unwrap();
        let browser = Agent::new().trusting(authority);
        let person = Person {
            login: name,
            password: ActiveDirectory::PASSWORD,
            connector: Some("ad"),
            denies: false,
        };
        let back_at = format!("http://localhost:{}/", self.back);
        log_in(&browser, &here, &back_at, &person).await;
        token_of(&kubelogin.answers().await)
    }
}

fn in_the_guides_place(text: &str, domain: &ActiveDirectory, https: u16, back: u16) -> String {
    text.replace(
        "https://login.acme.example",
        &format!("https://127.0.0.1:{https}"),
    )
    .replace("dc.acme.example", &domain.address)
    .replace("svc-insula@acme.example", "reader@ad.acme.test")
    .replace("bindPW: DIRECTORY_PASSWORD", "bindPW: $DIRECTORY_PASSWORD")
    .replace("DC=acme,DC=example", "DC=ad,DC=acme,DC=test")
    .replace("localhost:8000", &format!("localhost:{back}"))
}

fn token_of(credential: &Value) -> String {
    let token = credential["status"]["token"].as_str();
    token.expect("a credential has a token").to_owned()
}

async fn somebody_of_active_directory_is_known_to_the_api_server(tenant: &str) {
    let Some(scene) = Scene::set(tenant) else {
        return;
    };
    if command("kubelogin").is_none() {
        return;
    }
    let process = scene.deployment.open().await;
    let mut api = scene.authenticator();
    let name = format!("k{}", &unique()[..12]);
    scene.domain.make(&name, &["developers"]);
    let cache = tempfile::tempdir().unwrap();

    let mut kubelogin = scene.kubelogin(cache.path());
    let token = scene.token_by_page(&mut kubelogin, &name).await;
    let said = asked(&mut api, &token).await;
    assert_eq!(said["authenticated"], true, "{said:#}");
    assert_eq!(said["name"], format!("acme:{name}"));
    assert_eq!(said["uid"], claims_of(&token)["sub"]);
    let groups = ["circle", "developers", "engineering", "round", "staff"];
    let groups: Vec<_> = groups.map(|group| format!("acme:{group}")).into();
    assert_eq!(said["groups"], serde_json::json!(groups));

    // Moved to another group; nobody sees a page.
    scene.domain.leave(&name, "developers");
    scene.domain.join(&name, "staff");
    let mut kubelogin = scene.kubelogin(cache.path());
    let token = token_of(&kubelogin.answers().await);
    let said = asked(&mut api, &token).await;
    assert_eq!(
        said["groups"],
        serde_json::json!(["acme:circle", "acme:round", "acme:staff"])
    );

    // Disabled: the refresh token is of no more use, and kubelogin asks for a login.
    scene.domain.disable(&name);
    let mut kubelogin = scene.kubelogin(cache.path());
    kubelogin.says(address).await;
    process.says("the account is disabled").await;
}

#[tokio::test]
async fn people_of_active_directory_are_known_to_kubernetes_by_the_guide() {
    let tenant = file_of_guide("tenants/acme/tenant.yaml");
    somebody_of_active_directory_is_known_to_the_api_server(&tenant).await;
}

#[tokio::test]
async fn people_of_active_directory_are_known_to_kubernetes_at_a_tenant_of_dex() {
    somebody_of_active_directory_is_known_to_the_api_server(OF_DEX).await;
}
