use super::{Folder, dexs, ours};

#[test]
fn a_problem_names_file_line_column_key_cause_and_next_step() {
    assert_eq!(
        ours("expiry:\n  codes: 10h\n").only(),
        "error tenant.yaml:4:10: expiry.codes: \"10h\" is longer than the allowed 10m; \
         codes live seconds, not hours"
    );
}

#[test]
fn all_problems_are_told_at_once() {
    let folder = Folder::native(
        r"
issuer: acme.test
hosts: [https://login.acme.test, ok.test]
frontnd: {}
profile: strict
connectors:
  - { type: odic, id: workforce, name: Workforce }
  - { type: oidc, name: Nameless }
staticClients:
  - id: portal
    redirectURI: [https://portal.test/cb]
  - { id: portal, secret: s, redirectURIs: [http://portal.test/cb, 'myapp:/cb'] }
  - { id: cli, public: maybe, redirectURIs: [/cb], trustedPeers: [portl] }
staticPasswords:
  - { email: jane@acme.test, hash: password, userID: 1 }
expiry: { idTokens: 1d, codes: 2h }
sessions: { absoluteLifetime: 1h, validIfNotUsedFor: 2h }
signer: { config: { algorithm: ES265, keysRotationPeriod: 24h, publishAhead: 48h } }
limits: { requests: many, passwordHashes: 0 }
",
    );
    assert!(folder.load().spec.is_err());
    insta::assert_snapshot!(folder.said().join("\n"));
}

#[test]
fn an_unknown_key_is_an_error_with_a_suggestion_in_our_files_and_a_warning_in_dexs() {
    let typo = "oauth2: { skipAprovalScreen: true }\n";
    assert_eq!(
        ours(typo).only(),
        "error tenant.yaml:3:11: oauth2.skipAprovalScreen: nobody knows this key; \
         did you mean \"skipApprovalScreen\"?"
    );
    let dex = dexs(typo);
    assert!(
        dex.only()
            .starts_with("warning dex.yaml:3:11: oauth2.skipAprovalScreen")
    );
    assert!(dex.load().spec.is_ok());
}

#[test]
fn a_key_far_from_every_known_one_gets_the_list_of_them() {
    let said = ours("sessions: { colour: red }\n").only();
    assert!(
        said.contains("known are enabled, cookieName, absoluteLifetime"),
        "{said}"
    );
}

#[test]
fn the_list_names_each_key_once() {
    let said = ours("colour: red\n").only();
    assert_eq!(said.matches("sessions").count(), 1, "{said}");
}

#[test]
fn dexs_strict_flag_turns_unknown_keys_into_errors() {
    let folder = dexs("nonsense: 1\n").env("DEX_CONFIG_DISALLOW_UNKNOWN_FIELDS", "true");
    assert!(folder.only().starts_with("error dex.yaml:3:1: nonsense"));
}

#[test]
fn a_file_that_ends_in_a_document_marker_is_read() {
    dexs("---\n").spec();
    ours("---\n# the end\n").spec();
    let said = ours("---\nissuer: https://second.test\n").only();
    assert!(said.contains("a second document begins here"), "{said}");
}

#[test]
fn keys_match_without_regard_to_case() {
    let spec = ours("OAUTH2: { SkipApprovalScreen: true }\n").spec();
    assert!(spec.oauth2.skip_approval_screen);
}

#[test]
fn one_key_twice_is_an_error_in_whatever_spelling() {
    assert_eq!(
        ours("oauth2: {}\noauth2: {}\n").only(),
        "error tenant.yaml:4:1: oauth2: the key stands in line 3 already; keep one of the two"
    );
    assert_eq!(
        ours("oauth2: {}\nOAuth2: {}\n").only(),
        "error tenant.yaml:4:1: OAuth2: the key stands in line 3 already, as \"oauth2\"; \
         keep one of the two"
    );
}

#[test]
fn a_value_of_the_wrong_shape_is_named() {
    let said = ours("expiry: 5m\noauth2: { responseTypes: code }\nhosts: [[a]]\n").said();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn what_is_not_yaml_is_one_problem_with_its_place() {
    let said = Folder::native("issuer: [https://acme.test\n").only();
    assert!(said.starts_with("error tenant.yaml:"), "{said}");
    assert!(said.contains("this is not YAML"), "{said}");
}

#[test]
fn a_json_file_is_read_as_well() {
    let spec =
        Folder::native(r#"{"issuer": "https://acme.test", "enablePasswordDB": true}"#).spec();
    assert_eq!(spec.issuer.as_str(), "https://acme.test");
}

#[test]
fn anchors_and_merges_work() {
    let spec = ours(
        "staticClients:
  - &one { id: one, secret: s, redirectURIs: [https://app.test/cb] }
  - { <<: *one, id: two }
",
    )
    .spec();
    assert_eq!(
        spec.client("two").unwrap().redirect_uris,
        spec.client("one").unwrap().redirect_uris
    );
}

#[test]
fn a_missing_file_is_told() {
    let folder = ours("");
    std::fs::remove_file(folder.source().file).unwrap();
    assert!(folder.only().contains("the file cannot be read"));
}
