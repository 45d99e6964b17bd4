//! What the README shows first: the example tenants and the example client, as they are shipped.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use insula_tests::{
    Agent, Answer, Deployment, Login, Person, RelyingParty, example_client, free_port, program,
    walk,
};

/// The example client, ended with the test.
struct Guest {
    child: Child,
    url: String,
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Guest {
    async fn start(port: u16, issuers: &[String]) -> Self {
        let url = format!("http://127.0.0.1:{port}");
        let mut command = Command::new(example_client());
        command.args(["--listen", &format!("127.0.0.1:{port}"), "--url", &url]);
        for issuer in issuers {
            command.args(["--issuer", issuer]);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let guest = Self { child, url };
        let deadline = Instant::now() + Duration::from_secs(20);
        let agent = Agent::new();
        let get = reqwest::Method::GET;
        while agent
            .try_send(get.clone(), &guest.url, &[], None)
            .await
            .is_err()
        {
            assert!(Instant::now() < deadline, "the example client never came");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        guest
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

/// Copies the example tenants with the ports of this test.
fn move_in(from: &Path, to: &Path, ports: &[(&str, u16)]) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            move_in(&path, &target, ports);
            continue;
        }
        let mut text = fs::read_to_string(&path).unwrap();
        for (usual, port) in ports {
            text = text.replace(usual, &format!(":{port}"));
        }
        fs::write(target, text).unwrap();
    }
}

/// Follows redirects until a page.
async fn page_after(agent: &Agent, mut answer: Answer) -> Answer {
    while (300..400).contains(&answer.status) {
        answer = agent.get(answer.location()).await;
    }
    answer.expect(200)
}

#[tokio::test]
async fn people_log_in_at_every_example_tenant_through_the_example_client() {
    let deployment = Deployment::build().done();
    let client_port = free_port();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tenants.example");
    let ports = [(":5556", deployment.port), (":5555", client_port)];
    move_in(&examples, &deployment.folder().join("tenants"), &ports);
    let process = deployment.open().await;
    let issuers = [
        format!("http://127.0.0.1:{}/acme", deployment.port),
        format!("http://127.0.0.1:{}/globex", deployment.port),
        format!("http://initech.localhost:{}", deployment.port),
    ];
    let guest = Guest::start(client_port, &issuers).await;
    let people = [
        Person::new("jane@acme.example", "password"),
        Person::new("admin@example.com", "password"),
        Person::new("kim@initech.example", "password"),
    ];
    for (issuer, person) in issuers.iter().zip(people) {
        one_visit(&guest, issuer, &person).await;
    }
    // Initech's people at acme, as the example has it.
    let kim = Person {
        connector: Some("initech"),
        ..Person::new("kim@initech.example", "password")
    };
    one_visit(&guest, &issuers[0], &kim).await;
    process.terminate().await;
}

async fn one_visit(guest: &Guest, issuer: &str, person: &Person<'_>) {
    let agent = Agent::new();
    let form = [
        ("issuer", issuer),
        ("scope", "profile"),
        ("scope", "email"),
        ("scope", "offline_access"),
    ];
    let begun = agent.post(guest.at("/login"), &form).await.expect(303);
    let login = Login {
        url: begun.location().into(),
        params: [].into(),
        state: String::new(),
        nonce: String::new(),
        verifier: None,
        redirect_uri: guest.at("/callback"),
    };
    let back = walk(&agent, &login, person).await;
    let home = page_after(&agent, agent.get(&back.url).await).await;
    assert!(
        home.body.contains(person.login),
        "{issuer}: {}",
        home.words()
    );
    for path in ["/userinfo", "/refresh"] {
        let answer = agent.post(guest.at(path), &[]).await.expect(303);
        let home = page_after(&agent, answer).await;
        assert!(
            home.body.contains(person.login),
            "{issuer}: {}",
            home.words()
        );
    }
    let left = agent.post(guest.at("/logout"), &[]).await;
    page_after(&agent, left).await;
    let home = agent.get(guest.at("/")).await.expect(200);
    assert!(home.page().has("login-form"), "{issuer}: {}", home.words());
}

/// OpenLDAP's server as the example has it started, ended with the test.
struct ExampleDirectory(Child);

impl Drop for ExampleDirectory {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl ExampleDirectory {
    async fn start(program: &Path, folder: &Path, port: u16) -> Self {
        let database = folder.join("umbrella-directory");
        fs::create_dir(&database).unwrap();
        let beside = folder.join("tenants/umbrella");
        let settings = beside.join("slapd.conf");
        let text = fs::read_to_string(&settings).unwrap();
        let text = text.replace("/tmp/umbrella-directory", database.to_str().unwrap());
        fs::write(&settings, text).unwrap();
        let slapd = |arguments: &[&str]| {
            let mut command = Command::new(program);
            command.args(arguments).arg("-f").arg(&settings);
            command.stdin(Stdio::null()).stdout(Stdio::null());
            command
        };
        let mut add = slapd(&["-T", "add"]);
        let added = add.arg("-l").arg(beside.join("people.ldif")).output();
        let added = added.unwrap();
        assert!(added.status.success(), "{added:?}");
        let mut serve = slapd(&["-d", "none", "-h", &format!("ldap://127.0.0.1:{port}")]);
        let directory = Self(serve.spawn().unwrap());
        let deadline = Instant::now() + Duration::from_secs(20);
        let place = ("127.0.0.1", port);
        while tokio::net::TcpStream::connect(place).await.is_err() {
            assert!(Instant::now() < deadline, "slapd never listened");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        directory
    }
}

#[tokio::test]
async fn the_example_with_a_directory_serves_without_it_and_finds_it_once_it_is_there() {
    let Some(program) = program("INSULA_TEST_SLAPD") else {
        return;
    };
    let deployment = Deployment::build().done();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tenants.example");
    let (client_port, directory_port) = (free_port(), free_port());
    let ports = [
        (":5556", deployment.port),
        (":5555", client_port),
        (":3890", directory_port),
    ];
    move_in(&examples, &deployment.folder().join("tenants"), &ports);
    let process = deployment.open().await;
    let issuer = format!("http://umbrella.localhost:{}", deployment.port);
    let document = format!("{issuer}/.well-known/openid-configuration");
    Agent::new().get(document).await.expect(200);

    let folder = deployment.folder();
    let _directory = ExampleDirectory::start(&program, folder, directory_port).await;
    let guest = Guest::start(client_port, std::slice::from_ref(&issuer)).await;
    let lee = Person {
        connector: Some("directory"),
        ..Person::new("lee", "password")
    };
    one_visit(&guest, &issuer, &lee).await;
    process.terminate().await;
}

/// Go, Python and Node ask the system for names, and on most Linux systems it knows none below
/// `.localhost`: what such a program is told must be an address. Beside it a host name leads to the same.
#[tokio::test]
async fn programs_that_know_no_names_below_localhost_reach_the_first_tenants_by_address() {
    let deployment = Deployment::build().done();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tenants.example");
    let ports = [(":5556", deployment.port)];
    move_in(&examples, &deployment.folder().join("tenants"), &ports);
    let process = deployment.open().await;
    let agent = Agent::new();
    for tenant in ["acme", "globex"] {
        let issuer = format!("http://127.0.0.1:{}/{tenant}", deployment.port);
        let at = format!("{issuer}/.well-known/openid-configuration");
        let document = agent.get(at).await.expect(200).json();
        assert_eq!(document["issuer"], issuer.as_str());
        let members = document.as_object().unwrap().values();
        let urls: Vec<_> = members
            .filter_map(|value| value.as_str())
            .filter(|text| text.starts_with("http"))
            .collect();
        assert!(urls.len() >= 5, "{urls:?}");
        for url in urls {
            assert!(url.starts_with(&issuer), "{url}");
        }
    }
    let issuer = format!("http://127.0.0.1:{}/acme", deployment.port);
    let by_name = format!("http://acme.localhost:{}/acme", deployment.port);
    let at = format!("{by_name}/.well-known/openid-configuration");
    let document = agent.get(at).await.expect(200).json();
    assert_eq!(document["issuer"], issuer.as_str());
    process.terminate().await;
}

#[tokio::test]
async fn every_example_of_a_vendor_is_served_without_its_vendor_and_sends_people_there() {
    let vendors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tenants.example/vendors");
    let deployment = Deployment::build().done();
    let tenants = deployment.folder().join("tenants");
    move_in(&vendors, &tenants, &[(":5556", deployment.port)]);
    let checked = deployment.run("check").await;
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert_eq!(checked.status.code(), Some(0), "{said}");
    assert!(!said.contains("warning"), "{said}");

    let process = deployment.open().await;
    let agent = Agent::new();
    let mut kinds = Vec::new();
    for folder in fs::read_dir(&tenants).unwrap() {
        let kind = folder.unwrap().file_name().into_string().unwrap();
        let issuer = format!("http://127.0.0.1:{}/{kind}", deployment.port);
        let discovery = agent
            .get(format!("{issuer}/.well-known/openid-configuration"))
            .await;
        assert_eq!(discovery.expect(200).json()["issuer"], issuer);
        kinds.push(kind);
    }
    let asked = |kind: &str| {
        let issuer = format!("http://127.0.0.1:{}/{kind}", deployment.port);
        let secret = "ZXhhbXBsZS1hcHAtc2VjcmV0";
        let to = "http://127.0.0.1:5555/callback";
        RelyingParty::new(&issuer, "example-app", secret, to)
            .begin()
            .url
    };
    let mut seen = Vec::new();
    for (kind, place) in [
        ("bitbucket-cloud", "bitbucket.org"),
        ("gitea", "git.acme.example"),
        ("github", "github.com"),
        ("gitlab", "gitlab.acme.example"),
        ("linkedin", "www.linkedin.com"),
        ("microsoft", "login.microsoftonline.com"),
        ("oauth", "oauth.acme.example"),
    ] {
        let mut answer = agent.get(asked(kind)).await;
        while answer.location().host_str() != Some(place) {
            answer = agent.get(answer.location()).await;
        }
        seen.push(kind);
    }
    for kind in ["atlassian-crowd", "keystone"] {
        let page = page_after(&agent, agent.get(asked(kind)).await).await;
        assert!(page.page().has("password"), "{kind}");
        seen.push(kind);
    }
    let mut answer = agent.get(asked("saml")).await;
    while (300..400).contains(&answer.status) {
        answer = agent.get(answer.location()).await;
    }
    let form = answer.expect(200);
    assert!(
        form.body.contains("https://idp.acme.example/sso"),
        "{}",
        form.body
    );
    seen.push("saml");
    // These are told by the vendor where people are sent; a proxy sends nobody anywhere.
    seen.extend(["authproxy", "google", "openshift"]);
    kinds.sort();
    seen.sort_unstable();
    assert_eq!(kinds, seen, "every example is in the table, and no other");
    let said = process.terminate().await;
    let mut warned = said
        .lines()
        .filter(|line| line.contains("\"WARN\"") || line.contains("\"ERROR\""));
    assert_eq!(warned.find(|line| line.contains("connector")), None);
}
