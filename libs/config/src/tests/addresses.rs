use super::{Folder, dexs, ours};

fn said(folder: &Folder, key: &str) -> String {
    let said = folder.said();
    let about = said.iter().find(|line| line.contains(&format!(" {key}: ")));
    about.unwrap_or_else(|| panic!("{key}: {said:#?}")).clone()
}

#[test]
fn an_issuer_with_a_blank_or_a_line_end_is_refused_with_its_place() {
    for odd in [
        r"https://acme.test\n",
        r" https://acme.test",
        r"https://acme.test/a b",
        r"https://ac\tme.test",
    ] {
        let text = format!("enablePasswordDB: true\nissuer: \"{odd}\"\n");
        for folder in [Folder::native(&text), Folder::dex(&text)] {
            let said = said(&folder, "issuer");
            let file = folder.file_name();
            assert!(said.starts_with(&format!("error {file}:2:")), "{said}");
            assert!(said.contains(" holds a "), "{said}");
            assert!(folder.load().spec.is_err());
        }
    }
}

#[test]
fn an_address_with_something_odd_in_it_is_refused_in_our_files() {
    let client = |fields: &str| format!("staticClients: [{{ id: a, secret: s, {fields} }}]\n");
    let good = "redirectURIs: [https://a.test/cb]";
    for (text, key) in [
        (
            client(r#"redirectURIs: ["https://a.test/cb\n"]"#),
            "staticClients[0].redirectURIs[0]",
        ),
        (
            client(r#"redirectURIs: ["https://a.test/c b"]"#),
            "staticClients[0].redirectURIs[0]",
        ),
        (
            client(r#"redirectURIs: ["https://a.test/\u200Bcb"]"#),
            "staticClients[0].redirectURIs[0]",
        ),
        (
            client(&format!(
                r#"{good}, postLogoutRedirectURIs: ["https://a.test/out\r"]"#
            )),
            "staticClients[0].postLogoutRedirectURIs[0]",
        ),
        (
            client(&format!(r#"{good}, logoURL: "https://a.test/l.png ""#)),
            "staticClients[0].logoURL",
        ),
        (
            r#"frontend: { links: { terms: "https://a.test/\tt" } }"#.to_owned(),
            "frontend.links.terms",
        ),
        (r#"hosts: ["a.test\n"]"#.to_owned(), "hosts[0]"),
        (r#"hosts: [" a.test"]"#.to_owned(), "hosts[0]"),
    ] {
        let folder = ours(&text);
        let said = said(&folder, key);
        assert!(said.starts_with("error tenant.yaml:3:"), "{text}: {said}");
        assert!(folder.load().spec.is_err());
    }
}

#[test]
fn the_addresses_of_a_connector_are_looked_at_wherever_they_stand() {
    for (config, key) in [
        (r#"{ issuer: "https://up.test\n" }"#, "issuer"),
        (
            r#"{ redirectURI: " https://acme.test/callback" }"#,
            "redirectURI",
        ),
        (
            r#"{ providerDiscoveryOverrides: { tokenURL: "https://up.test/to ken" } }"#,
            "providerDiscoveryOverrides.tokenURL",
        ),
        (r#"{ hosts: [], host: "ldap.test\t:636" }"#, "host"),
        (r#"{ hosts: ["a.test", "ldap.test\t:636"] }"#, "hosts[1]"),
    ] {
        let text = format!("connectors: [{{ type: oidc, id: o, name: O, config: {config} }}]\n");
        let key = format!("connectors[0].config.{key}");
        let ours = said(&ours(&text), &key);
        assert!(ours.starts_with("error tenant.yaml:3:"), "{ours}");
        let dexs = said(&dexs(&text), &key);
        assert!(
            dexs.starts_with("warning dex.yaml:3:"),
            "dex serves without it: {dexs}"
        );
    }
}

#[test]
fn dex_is_refused_what_it_could_never_serve_and_warned_of_the_rest() {
    let client = |uri: &str| {
        dexs(&format!(
            "staticClients: [{{ id: a, name: A, secret: s, redirectURIs: [\"{uri}\"] }}]\n"
        ))
    };
    let never = client(r"https://a.test/cb\n").only();
    assert!(never.starts_with("error dex.yaml:3:"), "{never}");
    let served = client("https://a.test/c b");
    assert!(
        served.only().starts_with("warning dex.yaml:3:"),
        "{}",
        served.only()
    );
    let spec = served.load().spec.unwrap();
    assert_eq!(
        spec.client("a").unwrap().redirect_uris,
        ["https://a.test/c b"]
    );
}
