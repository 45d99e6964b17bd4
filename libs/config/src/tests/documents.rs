use super::{Folder, dexs, ours};

fn refused(folder: &Folder, cause: &str) {
    let loaded = folder.load_as_document();
    let said: Vec<_> = loaded.problems.iter().map(ToString::to_string).collect();
    let said = said.join("\n");
    assert!(
        loaded.spec.is_err() && said.contains(cause),
        "{cause}: {said}"
    );
    assert!(!said.contains("s3cret"), "{said}");
}

#[test]
fn a_document_from_the_network_is_read_like_a_file() {
    let client = "staticClients: [{ id: a, secret: s, redirectURIs: [https://a.test/cb] }]\n";
    let loaded = ours(client).load_as_document();
    assert_eq!(loaded.problems, []);
    assert!(loaded.spec.unwrap().client("a").unwrap().secrets[0].matches("s"));
}

#[test]
fn a_document_from_the_network_reaches_no_variable_and_no_file() {
    let client = |secret: &str| {
        format!("staticClients: [{{ id: a, {secret}, redirectURIs: [https://a.test/cb] }}]\n")
    };
    let connector = |config: &str| {
        format!("connectors: [{{ type: oidc, id: o, name: O, config: {{ {config} }} }}]\n")
    };
    for (text, cause) in [
        (client("secret: { env: S }"), "refers to env:S"),
        (client("secret: env:S"), "refers to env:S"),
        (client("secretEnv: S"), "refers to env:S"),
        (client("secret: { file: secret }"), "refers to file:secret"),
        (client("secret: file:secret"), "refers to file:secret"),
        (
            "frontend: { issuer: { env: S } }\n".to_owned(),
            "refers to env:S",
        ),
        (connector("clientSecret: $S"), "refers to $S"),
        (
            connector("clientSecret: { file: secret }"),
            "refers to file:secret",
        ),
        (connector("rootCAs: [secret]"), "is the path of a file"),
        (
            "frontend: { logoURL: theme/logo.svg }\n".to_owned(),
            "is not in the theme folder",
        ),
    ] {
        let folder = ours(&text)
            .env("S", "s3cret")
            .file("secret", "s3cret")
            .file("theme/logo.svg", "<svg/>");
        refused(&folder, cause);
    }
    let frontend = ours("").file("theme/logo.svg", "<svg/>").load_as_document();
    assert_eq!(frontend.spec.unwrap().frontend.overlay, None);
}

#[test]
fn a_dex_document_from_the_network_reaches_no_variable_either() {
    let client = "name: A, redirectURIs: [https://a.test/cb]";
    for (text, cause) in [
        (
            format!("staticClients: [{{ id: a, secretEnv: S, {client} }}]\n"),
            "refers to env:S",
        ),
        (
            format!("staticClients: [{{ idEnv: S, secret: s, {client} }}]\n"),
            "refers to env:S",
        ),
        (
            "staticPasswords: [{ email: a@a.test, userID: '1', hashFromEnv: S }]\n".to_owned(),
            "refers to env:S",
        ),
        (
            "connectors: [{ type: oidc, id: o, name: O, config: { clientSecret: $S } }]\n"
                .to_owned(),
            "refers to $S",
        ),
    ] {
        refused(&dexs(&text).env("S", "s3cret"), cause);
    }
}
