use std::collections::BTreeSet;

use super::super::settings::SETTINGS;
use super::*;
use crate::settings::paths;
use crate::testing::an_issuer;

/// All that can be seen of logins.
async fn seen(more: &Value) -> Vec<String> {
    let saml = match try_open(more) {
        Ok(saml) => saml,
        Err(cause) => return vec![cause.to_string()],
    };
    let Ok(Challenge::PostForm { to, fields, memory }) = saml.begin(&a_login()).await else {
        return vec!["nobody is sent anywhere".to_owned()];
    };
    let request = request_of(&fields).replace(memory["request"].as_str().unwrap(), "ID");
    let metadata = saml.metadata(CALLBACK).map(|metadata| metadata.body);
    let mut seen = vec![to, request, metadata.unwrap_or_default()];
    for name in ["both-signed", "unsigned", "encrypted-gcm-signed-inside"] {
        let told = heard(&saml, &asking_groups(), name).await;
        let told = told.map(|told| serde_json::to_string(&told.claims).unwrap());
        seen.push(format!("{told:?}"));
    }
    seen
}

#[tokio::test]
async fn every_setting_changes_something() {
    let idp = fixture("idp.crt");
    let key = fixture("sp-NOT-SECRET.pem");
    let groups = |more: Value| {
        let mut all = json!({"groupsAttr": "groups"});
        all.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        all
    };
    let usual = json!({});
    let rows = [
        (
            "ssoURL",
            usual.clone(),
            json!({"ssoURL": "https://other.test/sso"}),
        ),
        (
            "ca",
            usual.clone(),
            json!({"ca": fixture("foreign.crt"), "caData": ""}),
        ),
        (
            "caData",
            usual.clone(),
            json!({"caData": fixture("foreign.crt")}),
        ),
        (
            "insecureSkipSignatureValidation",
            usual.clone(),
            json!({"insecureSkipSignatureValidation": true}),
        ),
        (
            "redirectURI",
            usual.clone(),
            json!({"redirectURI": "https://acme.test/callback/up"}),
        ),
        (
            "entityIssuer",
            usual.clone(),
            json!({"entityIssuer": "https://acme.test/us"}),
        ),
        (
            "ssoIssuer",
            usual.clone(),
            json!({"ssoIssuer": "https://other.test"}),
        ),
        ("usernameAttr", usual.clone(), json!({"usernameAttr": MAIL})),
        ("emailAttr", usual.clone(), json!({"emailAttr": "name"})),
        ("groupsAttr", usual.clone(), json!({"groupsAttr": "groups"})),
        (
            "groupsDelim",
            groups(json!({})),
            groups(json!({"groupsDelim": "t"})),
        ),
        (
            "allowedGroups",
            groups(json!({})),
            groups(json!({"allowedGroups": ["board"]})),
        ),
        (
            "filterGroups",
            groups(json!({"allowedGroups": ["staff"]})),
            groups(json!({"allowedGroups": ["staff"], "filterGroups": true})),
        ),
        (
            "nameIDPolicyFormat",
            usual.clone(),
            json!({"nameIDPolicyFormat": "emailAddress"}),
        ),
        (
            "decryptionKeys",
            usual.clone(),
            json!({"decryptionKeys": key}),
        ),
        (
            "decryptionCerts",
            json!({ "decryptionKeys": key }),
            json!({"decryptionCerts": [idp], "decryptionKeys": key}),
        ),
    ];
    let told: BTreeSet<_> = rows.iter().map(|(path, ..)| (*path).to_owned()).collect();
    assert_eq!(
        told,
        paths(SETTINGS),
        "every setting is in the table, and no other"
    );
    assert_eq!(
        seen(&usual).await,
        seen(&usual).await,
        "one login is as another"
    );
    for (path, before, after) in rows {
        assert_ne!(
            seen(&before).await,
            seen(&after).await,
            "{path} changes nothing"
        );
    }
}

#[tokio::test]
async fn a_certificate_may_be_written_in_either_place_and_in_base64_of_pem() {
    let pem = fixture("idp.crt");
    let twice = format!("{}{pem}", fixture("idp-next.crt"));
    let base64 = data_encoding::BASE64.encode(twice.as_bytes());
    for more in [
        json!({"ca": pem, "caData": null}),
        json!({"caData": base64}),
        json!({"caData": twice}),
    ] {
        let told = heard(&open(&more), &a_login(), "both-signed").await;
        assert!(told.is_ok(), "{more}: {told:?}");
    }
}

#[tokio::test]
async fn the_name_of_a_format_may_be_short_or_whole() {
    let format = async |written: &str| {
        let saml = open(&json!({"nameIDPolicyFormat": written}));
        let request = request_of(&sent(&saml, &a_login()).await.1);
        let (_, rest) = request.split_once(" Format=\"").unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    };
    let persistent = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
    let mail = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";
    for (written, whole) in [
        ("", persistent),
        ("persistent", persistent),
        ("emailAddress", mail),
        (mail, mail),
    ] {
        assert_eq!(format(written).await, whole, "{written}");
    }
}

#[tokio::test]
async fn what_cannot_work_is_told_when_it_is_read() {
    let problems = |more: Value| check(&a_spec("saml", config(&more)), &an_issuer()).join("; ");
    assert_eq!(problems(json!({})), "");
    for (more, says) in [
        (json!({"ssoURL": ""}), "ssoURL is missing"),
        (json!({"ssoURL": "idp.test"}), "ssoURL must be an address"),
        (json!({"usernameAttr": ""}), "usernameAttr is missing"),
        (json!({"emailAttr": ""}), "emailAttr is missing"),
        (json!({"caData": ""}), "ca or caData is missing"),
        (
            json!({"ca": fixture("idp.crt")}),
            "ca and caData are both set",
        ),
        (
            json!({"caData": "AAAA"}),
            "caData holds neither PEM nor base64 of PEM",
        ),
        (
            json!({"caData": fixture("idp-NOT-SECRET.pem")}),
            "there is no certificate in it",
        ),
        (
            json!({"redirectURI": "https://other.test/callback"}),
            "https://acme.test/callback",
        ),
        (
            json!({"nameIDPolicyFormat": "EmailAddress"}),
            "nameIDPolicyFormat must be one of emailAddress,",
        ),
        (
            json!({"allowedGroups": ["staff"]}),
            "nobody would be let in",
        ),
        (
            json!({"decryptionKeys": [fixture("idp.crt")]}),
            "decryptionKeys[0] is no private RSA key",
        ),
        (
            json!({"decryptionCerts": [fixture("sp.crt")]}),
            "no decryptionKeys to go with it",
        ),
        (json!({"groupAttr": "groups"}), "did you mean groupsAttr?"),
    ] {
        let told = problems(more);
        assert!(told.contains(says), "{says} is not in {told}");
    }
    assert_eq!(
        problems(json!({"caData": "", "insecureSkipSignatureValidation": true})),
        ""
    );
}
