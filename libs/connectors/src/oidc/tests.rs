mod exchange;
mod hostile;
mod lab;
mod login;
mod logout;
mod refresh;
mod request;
mod settings;

use serde_json::json;

#[test]
fn what_is_written_without_effect_is_named() {
    let ignored = |config: serde_json::Value| {
        let settings = super::Settings::read(&config).usable(|_| Vec::new());
        settings.unwrap().ignored().join("; ")
    };
    assert_eq!(
        ignored(json!({"allowedGroups": ["a"], "insecureEnableGroups": true})),
        ""
    );
    assert!(ignored(json!({"allowedGroups": ["a"]})).contains("allowedGroups without"));
    let device = json!({"providerDiscoveryOverrides": {"deviceAuthURL": "https://up.test/device"}});
    assert!(ignored(device).contains("deviceAuthURL: no login asks there"));
}
