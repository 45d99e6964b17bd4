use std::time::Duration;

use insula_model::{CorsOrigins, Dialect, SsoDefault};
use insula_oauth::{CodeChallengeMethod, GrantType, ResponseType};

use super::{Folder, dexs, ours};

#[test]
fn where_a_dex_file_is_silent_dexs_defaults_hold() {
    let spec = dexs("").spec();
    let day = Duration::from_hours(24);
    assert_eq!(spec.dialect, Dialect::Dex);
    assert_eq!(spec.expiry.id_tokens, day);
    assert_eq!(spec.expiry.access_tokens, day);
    assert_eq!(spec.expiry.auth_requests, day);
    assert_eq!(spec.expiry.codes, Duration::from_mins(30));
    assert_eq!(spec.expiry.device_requests, Duration::from_mins(5));
    assert!(spec.expiry.refresh.rotate);
    assert_eq!(spec.expiry.refresh.reuse_interval, Duration::ZERO);
    assert_eq!(spec.expiry.refresh.valid_if_not_used_for, None);
    assert_eq!(spec.expiry.refresh.absolute_lifetime, None);
    assert_eq!(spec.signer.algorithms, ["RS256"]);
    assert_eq!(spec.signer.rotation_period, Duration::from_hours(6));
    assert_eq!(spec.signer.publish_ahead, Duration::from_mins(10));
    assert_eq!(
        spec.oauth2.pkce_methods,
        [CodeChallengeMethod::S256, CodeChallengeMethod::Plain]
    );
    assert!(!spec.oauth2.pkce_enforce && !spec.oauth2.skip_approval_screen);
    assert_eq!(spec.oauth2.response_types, [ResponseType::CODE]);
    assert!(!spec.sessions.enabled);
    assert_eq!(spec.sessions.cookie_name, "dex_session");
    assert_eq!(spec.sessions.sso_default, SsoDefault::None);
    assert!(spec.sessions.remember_me_by_default);
    assert_eq!(spec.limits.requests, None, "dex has no quota of requests");
    assert_eq!(spec.http.cors.origins, CorsOrigins::None);
    assert_eq!(spec.http.headers, []);
}

#[test]
fn process_wide_sections_are_named_in_one_line() {
    assert_eq!(
        dexs("storage: { type: memory }\nweb: { http: 0.0.0.0:5556 }\ntelemetry: { http: x }\n")
            .only(),
        "info dex.yaml:3:1: storage: storage, web.http and telemetry belong to the server and not to \
         a tenant; set them in insula.yaml"
    );
    assert!(
        dexs("logger: { level: debug }\n")
            .only()
            .contains("logger.level belongs to the server")
    );
    let spec = dexs("logger: { excludeFields: [email, username] }\n").spec();
    assert_eq!(spec.log_exclude, ["email", "username"]);
}

#[test]
fn access_tokens_live_as_long_as_id_tokens() {
    let spec = dexs("expiry: { idTokens: 1h }\n").spec();
    assert_eq!(spec.expiry.access_tokens, Duration::from_hours(1));
}

#[test]
fn the_signer_wins_over_the_deprecated_signing_keys() {
    let old = dexs("expiry: { signingKeys: 2h }\n").spec();
    assert_eq!(old.signer.rotation_period, Duration::from_hours(2));
    let new = "expiry: { signingKeys: 2h }\nsigner: { type: local, config: { keysRotationPeriod: $PERIOD, algorithm: ES256 } }\n";
    let new = dexs(new).env("PERIOD", "3h").spec();
    assert_eq!(new.signer.rotation_period, Duration::from_hours(3));
    assert_eq!(new.signer.algorithms, ["ES256"]);
}

#[test]
fn sessions_and_mfa_need_dexs_flag() {
    let text = "sessions: { absoluteLifetime: 2h, ssoSharedWithDefault: all, cookieEncryptionKey: 0123456789abcdef }\n";
    let said = dexs(text).only();
    assert!(
        said.contains(
            "sessions config requires sessions to be enabled (DEX_SESSIONS_ENABLED=true)"
        )
    );
    let spec = dexs(text).env("DEX_SESSIONS_ENABLED", "true").spec();
    assert!(spec.sessions.enabled);
    assert_eq!(spec.sessions.absolute_lifetime, Duration::from_hours(2));
    assert_eq!(spec.sessions.sso_default, SsoDefault::All);

    let said = dexs("mfa: { authenticators: [] }\n").only();
    assert!(
        said.contains("mfa requires sessions to be enabled"),
        "{said}"
    );
    let said = dexs("mfa: {}\n").env("DEX_SESSIONS_ENABLED", "1").only();
    assert!(
        said.starts_with("error") && said.contains("second factor"),
        "{said}"
    );
}

#[test]
fn dexs_response_types_have_one_spelling_and_implicit_comes_with_the_word_token() {
    for (text, has_implicit) in [
        ("responseTypes: [code, id_token]", false),
        ("responseTypes: [code, 'code id_token token']", true),
        (
            "responseTypes: [code, token, id_token], grantTypes: [implicit]",
            true,
        ),
        (
            "responseTypes: [code, token], grantTypes: [authorization_code]",
            false,
        ),
        ("grantTypes: [implicit]", false),
    ] {
        let spec = dexs(&format!("oauth2: {{ {text} }}\n"))
            .load()
            .spec
            .unwrap();
        let has = spec.oauth2.grant_types.contains(&GrantType::Implicit);
        assert_eq!(has, has_implicit, "{text}");
    }
    for (types, named) in [("token id_token", "token id_token"), ("magic", "magic")] {
        let said = dexs(&format!("oauth2: {{ responseTypes: [{types}] }}\n")).only();
        let cause = format!("unsupported response_type \"{named}\"");
        assert!(said.contains(&cause), "{said}");
    }
}

#[test]
fn passwords_are_taken_where_a_dex_file_names_a_connector_for_them() {
    let named = "oauth2: { grantTypes: [authorization_code, password], ";
    for (text, has_password) in [
        ("oauth2: { passwordConnector: local }\n".to_owned(), true),
        (format!("{named} passwordConnector: local }}\n"), true),
        (format!("{named} }}\n"), false),
        (
            "oauth2: { grantTypes: [refresh_token], passwordConnector: local }\n".to_owned(),
            false,
        ),
    ] {
        let folder = dexs(&text);
        assert_eq!(folder.said(), [""; 0], "{text}");
        let grants = folder.load().spec.unwrap().oauth2.grant_types;
        assert_eq!(
            grants.contains(&GrantType::Password),
            has_password,
            "{text}"
        );
    }
}

#[test]
fn our_files_write_the_grant_for_passwords_and_its_connector_both() {
    let alone = ours("oauth2: { grantTypes: [authorization_code, password] }\n").only();
    assert!(
        alone.starts_with("error") && alone.contains("needs a connector"),
        "{alone}"
    );
    let alone = ours("oauth2: { passwordConnector: local }\n").only();
    assert!(
        alone.starts_with("warning") && alone.contains("has no effect"),
        "{alone}"
    );
}

#[test]
fn a_silent_dex_file_is_warned_of_nothing() {
    for more in [
        "",
        "oauth2: { skipApprovalScreen: true }\n",
        "oauth2: { grantTypes: [] }\n",
    ] {
        assert_eq!(dexs(more).said(), [""; 0], "{more}");
    }
    assert_eq!(ours("").said(), [""; 0]);
}

#[test]
fn a_dex_file_reads_the_bools_of_yaml_1_1() {
    assert!(
        dexs("oauth2: { skipApprovalScreen: yes }\n")
            .spec()
            .oauth2
            .skip_approval_screen
    );
}

#[test]
fn an_empty_dex_file_is_refused_in_dexs_words() {
    insta::assert_snapshot!(Folder::dex("").said().join("\n"));
}

#[test]
fn words_of_ours_in_a_dex_file_are_warned_of_and_mean_nothing() {
    let folder = dexs("hosts: [a.test]\nlimits: { requests: 1/s }\nexpiry: { codes: 1m }\n");
    let said = folder.said();
    assert_eq!(said.len(), 3, "{said:#?}");
    let spec = folder.load().spec.unwrap();
    assert!(spec.hosts.is_empty());
    assert_eq!(spec.expiry.codes, Duration::from_mins(30));
}

#[test]
fn a_variable_of_dex_that_changes_nothing_here_is_told_where_it_is_set() {
    let said = dexs("").env("DEX_ENT_ENABLED", "true").only();
    assert!(
        said.starts_with("warning") && said.contains("DEX_ENT_ENABLED is set and has no effect"),
        "{said}"
    );
    dexs("").env("DEX_ENT_ENABLED", "").spec();
}
