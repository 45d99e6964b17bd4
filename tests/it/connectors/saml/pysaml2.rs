//! The identity provider of pysaml2, which reads the metadata that we serve.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use insula_tests::scripts::python;
use insula_tests::{Deployment, free_port, program};

use super::*;

/// The identity provider, killed when this goes.
struct Provider(Child);

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Provider {
    fn start(port: u16, deployment: &Deployment) -> Option<Self> {
        let clients = program("INSULA_TEST_CLIENTS")?;
        let xmlsec = program("INSULA_TEST_XMLSEC")?;
        let at = deployment.folder().join("idp");
        std::fs::create_dir(&at).unwrap();
        std::fs::write(at.join("idp.pem"), KEY).unwrap();
        std::fs::write(at.join("idp.crt"), CERTIFICATE).unwrap();
        let metadata = CONNECTORS.iter().flat_map(|id| {
            ["ours", "dexs"].map(|tenant| {
                let issuer = format!("http://{tenant}.localhost:{}", deployment.port);
                format!("{issuer}/callback/{id}/metadata")
            })
        });
        let metadata: Vec<_> = metadata.collect();
        let mut program = python(&clients, "upstream_saml_provider.py")
            .env("PORT", port.to_string())
            .env("ENTITY_ID", ISSUER)
            .env("FOLDER", &at)
            .env("XMLSEC", xmlsec)
            .env("METADATA", metadata.join(" "))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = program.stdout.take().unwrap();
        let mut lines = BufReader::new(said).lines();
        assert!(lines.any(|line| line.unwrap() == "listening"), "it ended");
        // Nobody may close what it writes to.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self(program))
    }
}

#[tokio::test]
async fn people_of_pysaml2_log_in_whatever_it_signs() {
    let port = free_port();
    let deployment = deployment(
        &format!("http://127.0.0.1:{port}/CONNECTOR"),
        "urn:mace:dir:attribute-def:",
    );
    let process = deployment.open().await;
    let Some(_provider) = Provider::start(port, &deployment) else {
        return;
    };
    is_jane_at(&["response", "assertion", "both"], &deployment).await;
    // It encrypts with 3DES, and with nothing else.
    let (agent, app) = (Agent::new(), app(&deployment, "ours"));
    let (_, sealed) = answered(&agent, &app, "sealed").await;
    let refused = sealed.again_by(&agent).await.expect(400);
    let words = refused.words();
    assert!(words.contains("encrypted with an algorithm"), "{words}");
    process.terminate().await;
}

#[tokio::test]
async fn metadata_is_served_for_who_reads_it_and_for_no_other_connector() {
    let deployment = deployment("https://idp.test/sso", "");
    let process = deployment.open().await;
    for tenant in ["ours", "dexs"] {
        let issuer = format!("http://{tenant}.localhost:{}", deployment.port);
        let at = |id: &str| format!("{issuer}/callback/{id}/metadata");
        let told = Agent::new().get(at("both")).await.expect(200);
        assert_eq!(told.header("content-type"), "application/samlmetadata+xml");
        assert!(told.body.contains(&format!("entityID=\"{issuer}/both\"")));
        let callback = match tenant {
            "dexs" => format!("{issuer}/callback"),
            _ => format!("{issuer}/callback/both"),
        };
        assert!(
            told.body.contains(&format!("Location=\"{callback}\"")),
            "{}",
            told.body
        );
        assert!(told.body.contains("use=\"encryption\""), "{}", told.body);
        for id in ["mock", "nobody"] {
            Agent::new().get(at(id)).await.expect(404);
        }
        let posted = Agent::new().post(at("both"), &[]).await;
        assert!(posted.status >= 400, "{}", posted.status);
    }
    process.terminate().await;
}
