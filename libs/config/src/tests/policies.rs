use std::time::Duration;

use insula_model::{Dialect, SsoDefault};
use insula_oauth::{CodeChallengeMethod, GrantType, ResponseType};

use super::{Folder, dexs, ours};

const fn hours(count: u64) -> Duration {
    Duration::from_hours(count)
}

#[test]
fn where_our_file_is_silent_the_recommendations_of_rfc_9700_hold() {
    let spec = ours("").spec();
    assert_eq!(spec.dialect, Dialect::Standard);
    assert_eq!(spec.expiry.id_tokens, hours(1));
    assert_eq!(spec.expiry.access_tokens, Duration::from_mins(10));
    assert_eq!(spec.expiry.auth_requests, Duration::from_mins(10));
    assert_eq!(spec.expiry.codes, Duration::from_mins(1));
    assert_eq!(spec.expiry.device_requests, Duration::from_mins(10));
    assert!(spec.expiry.refresh.rotate);
    assert_eq!(spec.expiry.refresh.reuse_interval, Duration::from_secs(3));
    assert_eq!(spec.expiry.refresh.valid_if_not_used_for, Some(hours(2160)));
    assert_eq!(spec.expiry.refresh.absolute_lifetime, Some(hours(3960)));
    assert_eq!(spec.signer.algorithms, ["RS256", "ES256"]);
    assert_eq!(spec.signer.rotation_period, hours(720));
    assert_eq!(spec.signer.publish_ahead, hours(24));
    assert_eq!(spec.oauth2.pkce_methods, [CodeChallengeMethod::S256]);
    assert_eq!(spec.oauth2.response_types, [ResponseType::CODE]);
    assert_eq!(
        spec.oauth2.grant_types,
        [GrantType::AuthorizationCode, GrantType::RefreshToken]
    );
    assert!(spec.sessions.enabled);
    assert_eq!(spec.sessions.cookie_name, "insula_session");
    assert_eq!(spec.sessions.sso_default, SsoDefault::All);
    assert_eq!(spec.sessions.absolute_lifetime, hours(24));
    assert_eq!(spec.sessions.valid_if_not_used_for, hours(1));
    assert_eq!(spec.limits.requests.unwrap().count, 200);
    assert_eq!(spec.passivate_after, Duration::from_mins(30));
}

#[test]
fn the_profile_dex_takes_dexs_defaults_but_stays_strict() {
    let spec = ours("profile: dex\n").spec();
    assert_eq!(spec.dialect, Dialect::Dex);
    assert_eq!(spec.signer.algorithms, ["RS256"]);
    assert_eq!(spec.expiry.access_tokens, hours(24));
    assert!(ours("profile: dex\nnonsense: 1\n").load().spec.is_err());
}

#[test]
fn a_profile_that_is_not_built_is_refused_and_not_passed_over() {
    assert_eq!(
        ours("profile: fapi2\n").only(),
        "error tenant.yaml:3:10: profile: \"fapi2\" is not served by this version; \
         write standard or dex"
    );
    assert!(
        ours("profile: stndard\n")
            .only()
            .ends_with("did you mean \"standard\"?")
    );
    assert!(
        ours("subject: pairwise\n")
            .only()
            .contains("is not served by this version")
    );
    ours("subject: connector\n").spec();
}

#[test]
fn lifetimes_are_read_as_go_durations_and_kept_within_sense() {
    for (text, cause) in [
        ("idTokens: 0", "lets it live no time at all"),
        ("idTokens: 10", "has no unit"),
        ("idTokens: 1d", "is not a duration"),
        ("idTokens: -5m", "is negative"),
        ("codes: 11m", "is longer than the allowed 10m"),
        ("deviceRequests: 31m", "is longer than the allowed 30m"),
        ("deviceRequests: 0s", "lets it live no time at all"),
        ("authRequests: 25h", "is longer than the allowed 24h"),
        (
            "refreshTokens: { reuseInterval: 10m }",
            "is longer than the allowed 5m",
        ),
        (
            "refreshTokens: { validIfNotUsedFor: 3h, absoluteLifetime: 2h }",
            "is longer than absoluteLifetime",
        ),
    ] {
        let said = ours(&format!("expiry: {{ {text} }}\n")).only();
        assert!(
            said.starts_with("error") && said.contains(cause),
            "{text}: {said}"
        );
    }
}

#[test]
fn a_refresh_lifetime_of_zero_means_never() {
    let spec =
        ours("expiry: { refreshTokens: { validIfNotUsedFor: 0, absoluteLifetime: 0 } }\n").spec();
    assert_eq!(spec.expiry.refresh.valid_if_not_used_for, None);
    assert_eq!(spec.expiry.refresh.absolute_lifetime, None);
}

#[test]
fn the_profile_dex_has_no_access_token_lifetime_of_its_own() {
    let said = ours("profile: dex\nexpiry: { accessTokens: 5m }\n").only();
    assert!(said.contains("differs from expiry.idTokens"), "{said}");
}

#[test]
fn a_key_is_announced_while_the_one_before_it_signs() {
    let said = ours("signer: { config: { keysRotationPeriod: 24h, publishAhead: 24h } }\n").only();
    assert!(
        said.contains("is not shorter than keysRotationPeriod 24h"),
        "{said}"
    );
    let short = ours("signer: { config: { keysRotationPeriod: 2h } }\n").spec();
    assert_eq!(short.signer.publish_ahead, hours(1));
}

#[test]
fn several_algorithms_may_be_named_of_which_the_first_signs() {
    let spec = ours("signer: { config: { algorithms: [EdDSA, rs256] } }\n").spec();
    assert_eq!(spec.signer.algorithms, ["EdDSA", "RS256"]);
    let one = ours("signer: { config: { algorithm: ES256 } }\n").spec();
    assert_eq!(
        one.signer.algorithms,
        ["ES256"],
        "the one that is named, and no default beside it"
    );
    assert!(
        ours("signer: { type: vault }\n")
            .only()
            .contains("is not served by this version")
    );
}

#[test]
fn response_types_are_read_in_any_order_of_words_and_bring_the_grant_they_need() {
    let implicit = GrantType::Implicit;
    for (text, types, has_implicit) in [
        ("responseTypes: [code]", &["code"][..], false),
        (
            "responseTypes: [code, id_token code, code id_token]",
            &["code", "code id_token"],
            true,
        ),
        ("responseTypes: [id_token]", &["id_token"], true),
        (
            "responseTypes: [token], grantTypes: [implicit]",
            &["token"],
            true,
        ),
    ] {
        let spec = ours(&format!("oauth2: {{ {text} }}\n")).spec();
        let read: Vec<_> = spec
            .oauth2
            .response_types
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(read, types, "{text}");
        let has = spec.oauth2.grant_types.contains(&implicit);
        assert_eq!(has, has_implicit, "{text}");
    }
    for (text, cause) in [
        ("responseTypes: [code magic]", "is not a response type"),
        (
            "responseTypes: [id_token], grantTypes: [authorization_code]",
            "oauth2.grantTypes: lacks implicit",
        ),
        (
            "grantTypes: [authorization_code, implicit]",
            "names implicit, but no response type has id_token or token",
        ),
    ] {
        let said = ours(&format!("oauth2: {{ {text} }}\n")).only();
        assert!(
            said.starts_with("error") && said.contains(cause),
            "{text}: {said}"
        );
    }
}

#[test]
fn consent_of_native_apps_is_remembered_only_where_the_tenant_says_so() {
    let spec = ours("").spec();
    assert!(!spec.oauth2.remember_native_consent);
    let spec = ours("oauth2: { rememberNativeConsent: true }\n").spec();
    assert!(spec.oauth2.remember_native_consent);
}

#[test]
fn pkce_may_be_asked_of_every_client_and_plain_allowed() {
    let spec =
        ours("oauth2: { pkce: { enforce: true, codeChallengeMethodsSupported: [S256, plain] } }\n")
            .spec();
    assert!(spec.oauth2.pkce_enforce);
    assert_eq!(spec.oauth2.pkce_methods.len(), 2);
    let said = ours("oauth2: { pkce: { codeChallengeMethodsSupported: [S512] } }\n").only();
    assert!(said.contains("is not a code challenge method"), "{said}");
}

#[test]
fn an_issuer_that_sends_tokens_unencrypted_is_warned_of_but_not_on_this_machine() {
    let with =
        |issuer: &str| Folder::native(&format!("issuer: {issuer}\nenablePasswordDB: true\n"));
    assert!(with("http://acme.test").only().starts_with("warning"));
    with("http://acme.localhost:5556").spec();
    with("http://127.0.0.1:5556/dex").spec();
    assert!(with("acme.test").only().contains("is not an absolute URL"));
}

#[test]
fn hosts_are_bare_names_each_once() {
    let spec = ours("hosts: [Login.Acme.Test]\n").spec();
    assert_eq!(spec.hosts, ["login.acme.test"]);
    for bad in ["https://a.test", "a.test:443", "a.test/x", "a b"] {
        let said = ours(&format!("hosts: ['{bad}']\n")).only();
        assert!(said.contains("is not a host name"), "{said}");
    }
    assert!(ours("hosts: [a.test, A.test]\n").only().contains("twice"));
}

#[test]
fn limits_are_rates_and_counts() {
    let spec = ours(
        "limits: { requests: 5/s, loginsUnderWay: 500, rememberedRows: 0, passwordFailures: 3/15m, \
         passwordFailuresPerAddress: 30/h, passwordFailuresPerTenant: 900/h, clientFailures: 9/h, \
         longestDelay: 20m, knownDevices: 48h, \
         passwordHashes: 2, upstreamCalls: 8 }\n",
    )
    .spec();
    assert_eq!(spec.limits.logins_under_way, 500);
    assert_eq!(ours("").spec().limits.logins_under_way, 10_000);
    for bad in ["0", "1000001"] {
        let said = ours(&format!("limits: {{ loginsUnderWay: {bad} }}\n")).only();
        assert!(said.contains("is not between 1 and 1000000"), "{said}");
    }
    assert_eq!(spec.limits.remembered_rows, 0);
    assert_eq!(ours("").spec().limits.remembered_rows, 2_000);
    let said = ours("limits: { rememberedRows: 1000001 }\n").only();
    assert!(said.contains("is more than 1000000"), "{said}");
    assert_eq!(spec.limits.password_failures.count, 3);
    assert_eq!(spec.limits.password_failures.per, Duration::from_mins(15));
    assert_eq!(spec.limits.password_failures_per_address.count, 30);
    assert_eq!(spec.limits.password_failures_per_tenant.count, 900);
    assert_eq!(spec.limits.client_failures.count, 9);
    assert_eq!(spec.limits.longest_delay, Duration::from_mins(20));
    assert_eq!(spec.limits.known_devices, Duration::from_hours(48));
    assert!(
        ours("limits: { knownDevices: 0s }\n")
            .spec()
            .limits
            .known_devices
            .is_zero()
    );
    for (bad, why) in [
        ("longestDelay: 999ms", "is not between 1s and 24h"),
        ("longestDelay: 25h", "is not between 1s and 24h"),
        (
            "knownDevices: 9601h",
            "is longer than browsers keep a cookie",
        ),
    ] {
        let said = ours(&format!("limits: {{ {bad} }}\n")).only();
        assert!(said.contains(why), "{said}");
    }
    assert_eq!(
        (spec.limits.password_hashes, spec.limits.upstream_calls),
        (2, 8)
    );
    assert!(
        ours("limits: { mails: 100/h }\n")
            .only()
            .starts_with("warning")
    );
    assert!(ours("passivateAfter: 1ms\n").only().contains("to sleep"));
}

#[test]
fn a_cookie_name_is_a_token() {
    assert!(
        ours("sessions: { cookieName: 'a b' }\n")
            .only()
            .contains("is not a cookie name")
    );
    assert!(
        !ours("sessions: { enabled: false }\n")
            .spec()
            .sessions
            .enabled
    );
}

#[test]
fn a_rotation_faster_than_clients_forget_keys_is_told_and_not_raised_silently() {
    for key in ["keysRotationPeriod: 5m", "publishAhead: 30s"] {
        let said = ours(&format!("signer: {{ config: {{ {key} }} }}\n")).only();
        let word = key.split(':').next().unwrap();
        assert!(
            said.starts_with("warning") && said.contains(word) && said.contains("is raised to 10m"),
            "{said}"
        );
    }
    let said = dexs("expiry: { signingKeys: 1m }\n").said().join("\n");
    assert!(said.contains("is raised to 10m"), "{said}");
}
