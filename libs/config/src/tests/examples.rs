use std::collections::BTreeMap;
use std::path::Path;

use insula_files::Allowed;

use super::with_options;
use crate::{
    Document, LoadOptions, ServerConfig, Severity, TenantFiles, check_tenants, read_document,
};

/// The kinds of connectors that the examples have.
const KINDS: [&str; 5] = ["local", "mockCallback", "mockPassword", "oidc", "ldap"];

fn examples() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tenants.example")
}

#[test]
fn every_example_tenant_is_served_and_warned_of_nothing() {
    let found = TenantFiles::discover(&examples());
    assert_eq!(found.problems, []);
    let names: Vec<_> = found.sources.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(names, ["acme", "globex", "initech", "umbrella"]);
    let mut specs = Vec::new();
    for source in &found.sources {
        let loaded = with_options(&|_| None, &Allowed::default(), |options| {
            let options = LoadOptions {
                kinds: Some(&KINDS),
                ..*options
            };
            read_document(Document::File(source), &options)
        });
        let weighty = loaded
            .problems
            .iter()
            .filter(|p| p.severity > Severity::Info);
        let said: Vec<_> = weighty.map(ToString::to_string).collect();
        assert_eq!(said, [""; 0]);
        specs.push(loaded.spec.unwrap());
    }
    assert_eq!(check_tenants(&specs), []);
}

#[test]
fn the_example_of_a_process_is_read() {
    let file = examples().join("insula.yaml");
    let config = ServerConfig::load(Some(&file), |_| None, &BTreeMap::new()).unwrap();
    assert_eq!(config.listen.http, Some("127.0.0.1:5556".parse().unwrap()));
    assert_eq!(
        config.listen.telemetry,
        Some("127.0.0.1:5558".parse().unwrap())
    );
    let loopback: std::net::IpAddr = "127.0.0.1".parse().unwrap();
    let allowed = config.outbound.allow_private;
    assert!(allowed.iter().any(|net| net.contains(&loopback)));
    assert!(TenantFiles::discover(&config.tenants).sources.len() >= 3);
}
