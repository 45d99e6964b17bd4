//! SimpleSAMLphp of Debian, served by PHP itself.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use data_encoding::BASE64;
use insula_tests::{Deployment, free_port, program};
use tempfile::TempDir;

use super::*;

/// An identity provider of one test, which ends with it.
struct Provider {
    child: Child,
    _folder: TempDir,
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Provider {
    async fn start(pages: &Path, port: u16, deployment: &Deployment) -> Self {
        let folder = tempfile::tempdir().unwrap();
        configure(folder.path(), port, deployment);
        let child = Command::new("php")
            .arg("-S")
            .arg(format!("127.0.0.1:{port}"))
            .arg("-t")
            .arg(pages)
            .env("SIMPLESAMLPHP_CONFIG_DIR", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let provider = Self {
            child,
            _folder: folder,
        };
        let tries = async {
            let place = ("127.0.0.1", port);
            while tokio::net::TcpStream::connect(place).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let answers = tokio::time::timeout(Duration::from_secs(30), tries).await;
        answers.expect("PHP listens");
        provider
    }
}

fn configure(folder: &Path, port: u16, deployment: &Deployment) {
    let here = folder.display();
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    for name in ["tmp", "sessions", "log", "data"] {
        fs::create_dir(folder.join(name)).unwrap();
    }
    write("idp.pem", KEY);
    write("idp.crt", CERTIFICATE);
    write(
        "config.php",
        &format!(
            "<?php $config = [
  'baseurlpath' => 'http://127.0.0.1:{port}/',
  'certdir' => '{here}/', 'loggingdir' => '{here}/log/', 'datadir' => '{here}/data/',
  'tempdir' => '{here}/tmp', 'metadatadir' => '{here}/',
  'attributenamemapdir' => '/etc/simplesamlphp/attributemap/',
  'secretsalt' => 'NOT-SECRET', 'auth.adminpassword' => 'NOT-SECRET', 'timezone' => 'UTC',
  'technicalcontact_name' => 'x', 'technicalcontact_email' => 'x@idp.test',
  'logging.handler' => 'file', 'logging.logfile' => 'log', 'logging.level' => SimpleSAML\\Logger::INFO,
  'enable.saml20-idp' => true,
  'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true],
  'session.cookie.secure' => false, 'session.cookie.samesite' => null,
  'session.phpsession.savepath' => '{here}/sessions', 'store.type' => 'phpsession',
  'metadata.sources' => [['type' => 'flatfile']],
  'language.default' => 'en', 'language.available' => ['en'], 'theme.use' => 'default',
  'authproc.idp' => [],
];
"
        ),
    );
    write(
        "authsources.php",
        "<?php $config = ['people' => ['exampleauth:UserPass', 'jane:secret' => [
  'uid' => ['jane'], 'name' => ['Jane Doe'], 'mail' => ['jane@acme.test'],
  'groups' => ['staff', 'night']]]];
",
    );
    write(
        "saml20-idp-hosted.php",
        &format!(
            "<?php $metadata['{ISSUER}'] = ['host' => '__DEFAULT__', 'privatekey' => 'idp.pem',
  'certificate' => 'idp.crt', 'auth' => 'people',
  'signature.algorithm' => 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256'];
"
        ),
    );
    let mut partners = "<?php\n".to_owned();
    for (entity, callback, id) in service_providers(deployment.port) {
        let response = matches!(id, "response" | "both" | "sealed");
        let assertion = matches!(id, "assertion" | "both");
        let sealed = id == "sealed";
        let certificate = OUR_CERTIFICATE
            .lines()
            .filter(|line| !line.starts_with("---"));
        let certificate: String = certificate.collect();
        partners.push_str(&format!(
            "$metadata['{entity}'] = ['AssertionConsumerService' => '{callback}',
  'saml20.sign.response' => {response}, 'saml20.sign.assertion' => {assertion},
  'assertion.encryption' => {sealed}, 'certData' => '{certificate}',
  'simplesaml.nameidattribute' => 'uid',
  'NameIDFormat' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent'];
"
        ));
    }
    write("saml20-sp-remote.php", &partners);
}

async fn provided() -> Option<(Provider, Deployment)> {
    let pages = program("INSULA_TEST_SIMPLESAMLPHP")?;
    let port = free_port();
    let sso_url = format!("http://127.0.0.1:{port}/saml2/idp/SSOService.php");
    let deployment = deployment(&sso_url, "");
    let provider = Provider::start(&pages, port, &deployment).await;
    Some((provider, deployment))
}

#[tokio::test]
async fn people_of_simplesamlphp_log_in_whatever_it_signs_and_when_it_encrypts() {
    let Some((_provider, deployment)) = provided().await else {
        return;
    };
    let process = deployment.open().await;
    is_jane_at(&CONNECTORS, &deployment).await;
    let (_, posted, _) = logged_in(&app(&deployment, "ours"), "sealed").await;
    let xml = BASE64
        .decode(posted.value("SAMLResponse").as_bytes())
        .unwrap();
    let xml = String::from_utf8(xml).unwrap();
    assert!(!xml.contains("jane"), "it is encrypted: {xml}");
    process.terminate().await;
}

#[tokio::test]
async fn a_response_is_heard_once_by_the_browser_and_the_login_it_is_for() {
    let Some((_provider, deployment)) = provided().await else {
        return;
    };
    let process = deployment.open().await;
    for tenant in ["ours", "dexs"] {
        let app = app(&deployment, tenant);
        let (_, used, agent) = logged_in(&app, "both").await;
        let replayed = used.again_by(&agent).await;
        assert!(replayed.status >= 400, "{tenant}: {}", replayed.words());

        let (_, fresh) = answered(&Agent::new(), &app, "both").await;
        if tenant == "ours" {
            // dex ties no login to a browser.
            let stolen = fresh.again_by(&Agent::new()).await;
            assert!(stolen.words().contains("browser"), "{}", stolen.words());
            assert!(stolen.status >= 400, "{}", stolen.status);
        }

        let victim = Agent::new();
        let (login, own) = answered(&victim, &app, "both").await;
        let slipped_in = own.with("SAMLResponse", fresh.value("SAMLResponse"));
        let refused = slipped_in.again_by(&victim).await;
        assert!(refused.status >= 400, "{tenant}: {}", refused.words());
        if tenant == "ours" {
            let words = refused.words();
            assert!(words.contains("answers another login"), "{words}");
        }
        let xml = BASE64.decode(own.value("SAMLResponse").as_bytes()).unwrap();
        let xml = String::from_utf8(xml)
            .unwrap()
            .replace("jane@acme.test", "root@acme.test");
        let changed = own.with("SAMLResponse", &BASE64.encode(xml.as_bytes()));
        let refused = changed.again_by(&victim).await;
        assert!(refused.status >= 400, "{tenant}: {}", refused.words());
        // None of this ended the login of the person.
        back(&victim, &login, &own).await.code();
    }
    process.says("does not take a response").await;
    process.terminate().await;
}
