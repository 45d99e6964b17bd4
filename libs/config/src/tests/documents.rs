use insula_model::DocumentSyntax;

use super::{Folder, dexs, ours};
use crate::Loaded;

fn refused(folder: &Folder, cause: &str) {
    for loaded in [folder.load_as_document(), folder.load_as_json()] {
        let said = said(&loaded).join("\n");
        assert!(
            loaded.spec.is_err() && said.contains(cause),
            "{cause}: {said}"
        );
        assert!(!said.contains("s3cret"), "{said}");
    }
}

fn said(loaded: &Loaded) -> Vec<String> {
    loaded.problems.iter().map(ToString::to_string).collect()
}

/// What is said but for where and, for values of JSON stand nowhere, in which order.
fn said_anywhere(mut loaded: Loaded) -> Vec<String> {
    for problem in &mut loaded.problems {
        (problem.line, problem.column) = (0, 0);
    }
    let mut said = said(&loaded);
    said.sort();
    said
}

/// Wrong in as many ways as fit into a document.
const WRONG: &str = "hosts: [a b, {}]
expiry: { codes: 1 week, idTokens: [1h], codez: 1m }
oauth2: { responseTypes: [cod], skipApprovalScreen: maybe }
connectors:
  - { type: oidc, id: o, name: O, config: [] }
  - { type: nothing, id: n, name: N }
staticClients:
  - { id: a, secret: s, redirectURIs: [https://a.test/cb] }
  - { id: a, secret: s, redirectURIs: [https://a.test/cb] }
  - { id: b, secret: s, redirectURIs: [not a url], Secret: t }
limits: { requests: many }
";

#[test]
fn a_json_document_is_held_to_the_same_words_by_their_paths() {
    for folder in [ours(WRONG), dexs(WRONG)] {
        let (yaml, json) = (folder.load_as_document(), folder.load_as_json());
        assert!(yaml.problems.len() >= 8, "{:#?}", said(&yaml));
        assert!(json.problems.iter().all(|problem| problem.line == 0));
        // Which line a key stands in already, only lines can tell.
        let lineless = |said: Vec<String>| -> Vec<String> {
            let said = said.into_iter();
            said.map(|line| line.replace("stands in line 12 already", "is there already"))
                .collect()
        };
        assert_eq!(lineless(said_anywhere(yaml)), lineless(said_anywhere(json)));
    }
    let json = ours(WRONG).load_as_json();
    let said = said(&json).join("\n");
    for words in [
        "document: staticClients[2].redirectURIs[0]: ",
        "document: expiry.codes: ",
    ] {
        assert!(said.contains(words), "{words} is not in {said}");
    }
}

#[test]
fn a_good_json_document_says_what_the_same_file_says() {
    let client = "staticClients: [{ id: a, secret: s, redirectURIs: [https://a.test/cb] }]\n";
    let folder = ours(&format!("{client}expiry: {{ idTokens: 30m }}\n"));
    let (file, json) = (folder.load(), folder.load_as_json());
    assert_eq!(said(&json), [""; 0]);
    assert_eq!(
        format!("{:?}", json.spec.unwrap()),
        format!("{:?}", file.spec.unwrap())
    );
}

#[test]
fn what_is_no_json_is_told_with_its_line_and_not_taken_for_yaml() {
    let folder = ours("");
    let loaded = folder.load_stored(DocumentSyntax::Json, "issuer: https://acme.test\n".into());
    assert_eq!(
        said(&loaded),
        ["document:1:1: this is not JSON: expected value; mend what stands there"]
    );
}

#[test]
fn what_a_file_said_before_is_read_as_the_file_was_with_what_it_refers_to() {
    let client =
        "staticClients: [{ id: a, secret: { file: secret }, redirectURIs: [https://a.test/cb] }]\n";
    let folder = ours(client).file("secret", "first");
    let document = folder.load().document.unwrap();
    let now = folder.file("tenant.yaml", "issuer: nonsense\n");
    assert!(now.load().spec.is_err());
    let earlier = now.load_earlier(&document);
    assert!(earlier.spec.unwrap().client("a").unwrap().secrets[0].matches("first"));
    assert_eq!(earlier.document.unwrap(), document);
    // Of the secret there is nothing in what was written.
    assert!(!document.text.contains("first"));
}

#[test]
fn what_a_dex_file_and_the_file_beside_it_said_is_read_together() {
    let folder = dexs("").file("tenant.yaml", "default: true\n");
    let document = folder.load().document.unwrap();
    let now = folder.file("dex.yaml", "7\n").file("tenant.yaml", "8\n");
    assert!(now.load().spec.is_err());
    assert!(now.load_earlier(&document).spec.unwrap().is_default);
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
