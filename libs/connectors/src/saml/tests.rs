//! The responses are those that the tests of `insula-saml` read: `fixtures/make.py` there says what made
//! them.

mod settings;

use insula_connector_kit::{
    Challenge, Connector, ConnectorError, LoginContext, Memory, Reply, UpstreamIdentity,
    connector_contract,
};
use insula_oauth::Params;
use insula_saml::Why;
use serde_json::{Value, json};

use super::{Saml, check};
use crate::testing::{CALLBACK, a_clock, a_login, a_spec, an_open_context};

const MAIL: &str = "urn:oid:0.9.2342.19200300.100.1.3";

fn fixture(name: &str) -> String {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../saml/fixtures/");
    std::fs::read_to_string(format!("{fixtures}{name}")).unwrap()
}

fn config(more: &Value) -> Value {
    let mut config = json!({"ssoURL": "https://idp.test/sso?tenant=a", "caData": fixture("idp.crt"),
        "usernameAttr": "name", "emailAttr": MAIL});
    let more = more.as_object().unwrap().clone();
    config.as_object_mut().unwrap().extend(more);
    config
}

fn try_open(more: &Value) -> Result<Saml, ConnectorError> {
    Saml::open(&a_spec("saml", config(more)), &an_open_context(&a_clock()))
}

fn open(more: &Value) -> Saml {
    try_open(more).unwrap()
}

fn asking_groups() -> LoginContext {
    LoginContext {
        groups: true,
        ..a_login()
    }
}

fn posted(pairs: &[(&str, &str)]) -> Reply {
    Reply::Form(Params::from_pairs(pairs.iter().copied()))
}

fn encoded(name: &str) -> String {
    data_encoding::BASE64.encode(fixture(&format!("{name}.xml")).as_bytes())
}

/// What a connector makes of a response, which answers the request `_request`.
async fn heard(
    saml: &Saml,
    ctx: &LoginContext,
    name: &str,
) -> Result<UpstreamIdentity, ConnectorError> {
    let reply = posted(&[("SAMLResponse", &encoded(name)), ("RelayState", "state1")]);
    saml.complete(ctx, &json!({"request": "_request"}), reply)
        .await
}

/// What people are sent to the identity provider with.
async fn sent(saml: &Saml, ctx: &LoginContext) -> (String, Vec<(String, String)>, Memory) {
    let Challenge::PostForm { to, fields, memory } = saml.begin(ctx).await.unwrap() else {
        panic!("no form is posted");
    };
    (to, fields, memory)
}

fn request_of(fields: &[(String, String)]) -> String {
    let field = fields.iter().find(|(name, _)| name == "SAMLRequest");
    let bytes = data_encoding::BASE64.decode(field.unwrap().1.as_bytes());
    String::from_utf8(bytes.unwrap()).unwrap()
}

connector_contract!(contract, (open(&json!({})), ()), a_login());

#[tokio::test]
async fn people_are_sent_with_a_request_that_nobody_can_guess() {
    let saml = open(&json!({}));
    let (to, fields, memory) = sent(&saml, &a_login()).await;
    assert_eq!(to, "https://idp.test/sso?tenant=a");
    assert_eq!(fields[1], ("RelayState".to_owned(), "state1".to_owned()));
    let request = request_of(&fields);
    let id = memory["request"].as_str().unwrap();
    assert!(id.starts_with('_') && id.len() == 44, "{id}");
    assert!(request.contains(&format!(" ID=\"{id}\"")), "{request}");
    assert!(request.contains(&format!("AssertionConsumerServiceURL=\"{CALLBACK}\"")));
    assert!(
        !request.contains("Issuer") && !request.contains("ForceAuthn"),
        "{request}"
    );
    assert!(!request.contains("RequestedAuthnContext"), "{request}");
    let (_, again, _) = sent(&saml, &a_login()).await;
    assert_ne!(request_of(&again), request, "each has an ID of its own");
}

#[tokio::test]
async fn a_person_is_who_the_assertion_says_by_dexs_rules() {
    let saml = open(&json!({"groupsAttr": "groups"}));
    for name in ["response-signed", "assertion-signed", "both-signed"] {
        let told = heard(&saml, &asking_groups(), name).await.unwrap();
        let acr = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
        assert_eq!(told.acr.as_deref(), Some(acr));
        let claims = told.claims;
        assert_eq!(claims.user_id.as_str(), "jane");
        assert_eq!(claims.username, "Jane Doe");
        assert_eq!(claims.preferred_username, "");
        assert_eq!(
            (claims.email.as_str(), claims.email_verified),
            ("jane@acme.test", true)
        );
        assert_eq!(claims.groups, ["staff", "night, shift"]);
        let kept = String::from_utf8(told.connector_data.unwrap()).unwrap();
        let of_dex = json!({"userId": "jane", "username": "Jane Doe", "preferredUsername": "",
            "email": "jane@acme.test", "emailVerified": true, "groups": ["staff", "night, shift"]});
        assert_eq!(serde_json::from_str::<Value>(&kept).unwrap(), of_dex);
    }
    let told = heard(&saml, &a_login(), "both-signed").await.unwrap();
    assert!(told.claims.groups.is_empty(), "nobody asked for groups");
}

#[tokio::test]
async fn groups_follow_dexs_rules_but_an_allow_list_always_holds() {
    let in_group = async |more: Value, ctx: LoginContext| {
        let told = heard(&open(&more), &ctx, "both-signed").await;
        told.map(|told| told.claims.groups)
    };
    let none = Err(ConnectorError::NotInGroup);
    let some = |groups: &[&str]| Ok(groups.iter().map(|&group| group.to_owned()).collect());
    for (more, with_scope, without) in [
        (json!({}), some(&[]), some(&[])),
        (
            json!({"groupsAttr": "joined", "groupsDelim": ", "}),
            some(&["staff", "ops"]),
            some(&[]),
        ),
        (
            json!({"groupsAttr": "joined", "groupsDelim": ","}),
            some(&["staff", " ops"]),
            some(&[]),
        ),
        (
            json!({"groupsAttr": "groups", "allowedGroups": ["staff"]}),
            some(&["staff", "night, shift"]),
            some(&["staff", "night, shift"]),
        ),
        (
            json!({"groupsAttr": "groups", "allowedGroups": ["staff"], "filterGroups": true}),
            some(&["staff"]),
            some(&["staff"]),
        ),
        (
            json!({"groupsAttr": "groups", "allowedGroups": ["Staff"]}),
            none.clone(),
            none.clone(),
        ),
        (
            json!({"groupsAttr": "empty", "allowedGroups": ["staff"]}),
            none.clone(),
            none.clone(),
        ),
        (json!({"groupsAttr": "empty"}), some(&[]), some(&[])),
    ] {
        assert_eq!(
            in_group(more.clone(), asking_groups()).await,
            with_scope,
            "{more}"
        );
        assert_eq!(in_group(more.clone(), a_login()).await, without, "{more}");
    }
    let missing = in_group(json!({"groupsAttr": "Groups"}), asking_groups()).await;
    let cause = "the assertion has no attribute \"Groups\", which groupsAttr names".to_owned();
    assert_eq!(missing, Err(ConnectorError::BadReply(cause)));
    let unasked = in_group(json!({"groupsAttr": "Groups"}), a_login()).await;
    assert_eq!(unasked, some(&[]));
}

#[tokio::test]
async fn a_missing_attribute_is_named_with_its_setting() {
    for (setting, attribute) in [
        ("usernameAttr", "empty"),
        ("usernameAttr", "Name"),
        ("emailAttr", "mail"),
    ] {
        let told = heard(
            &open(&json!({ setting: attribute })),
            &a_login(),
            "both-signed",
        )
        .await;
        let cause = format!("the assertion has no attribute {attribute:?}, which {setting} names");
        assert_eq!(told, Err(ConnectorError::BadReply(cause)));
    }
}

#[tokio::test]
async fn a_response_answers_the_request_of_its_own_login_alone() {
    let saml = open(&json!({}));
    let (_, _, of_another) = sent(&saml, &a_login()).await;
    let response = encoded("both-signed");
    let reply = || posted(&[("SAMLResponse", &response), ("RelayState", "state1")]);
    let refused = saml.complete(&a_login(), &of_another, reply()).await;
    let replayed = Err(ConnectorError::BadReply(Why::InResponseTo.to_string()));
    assert_eq!(
        refused, replayed,
        "a response of one login does for no other"
    );
    let forgotten = saml.complete(&a_login(), &Memory::Null, reply()).await;
    assert!(matches!(forgotten, Err(ConnectorError::BadReply(_))));
    let elsewhere = LoginContext {
        callback_url: "https://acme.test/callback/up".to_owned(),
        ..a_login()
    };
    let refused = heard(&saml, &elsewhere, "both-signed").await;
    assert_eq!(
        refused,
        Err(ConnectorError::BadReply(Why::Destination.to_string()))
    );
}

#[tokio::test]
async fn whoever_must_log_in_anew_has_to() {
    let saml = open(&json!({}));
    let forced = LoginContext {
        force_login: true,
        ..a_login()
    };
    let (_, fields, mut memory) = sent(&saml, &forced).await;
    assert!(request_of(&fields).contains(" ForceAuthn=\"true\""));
    memory["request"] = "_request".into();
    let reply = || posted(&[("SAMLResponse", &encoded("both-signed"))]);
    assert!(saml.complete(&forced, &memory, reply()).await.is_ok());
    let later = json!(forced.now + std::time::Duration::from_mins(2));
    memory["fresh_since"] = later;
    let refused = saml.complete(&forced, &memory, reply()).await;
    assert_eq!(
        refused,
        Err(ConnectorError::BadReply(Why::Stale.to_string()))
    );
}

#[tokio::test]
async fn only_one_posted_response_is_heard() {
    let saml = open(&json!({}));
    let response = encoded("both-signed");
    let memory = json!({"request": "_request"});
    for reply in [
        Reply::Query(Params::from_pairs([("SAMLResponse", response.as_str())])),
        posted(&[]),
        posted(&[("SAMLResponse", "")]),
        posted(&[("SAMLResponse", &response), ("SAMLResponse", &response)]),
        posted(&[("SAMLResponse", &response), ("SAMLRequest", "x")]),
        posted(&[("SAMLResponse", "no base64")]),
    ] {
        let told = saml.complete(&a_login(), &memory, reply.clone()).await;
        assert!(
            matches!(told, Err(ConnectorError::BadReply(_))),
            "{reply:?}: {told:?}"
        );
    }
}

#[tokio::test]
async fn what_the_identity_provider_says_of_a_failure_is_told_as_what_it_is() {
    let saml = open(&json!({}));
    let declined = heard(&saml, &a_login(), "denied").await;
    assert_eq!(declined, Err(ConnectorError::Declined));
    let failed = fixture("denied.xml").replace("AuthnFailed", "NoPassive");
    let failed = data_encoding::BASE64.encode(failed.as_bytes());
    let reply = posted(&[("SAMLResponse", &failed)]);
    let memory = json!({"request": "_request"});
    let failed = saml.complete(&a_login(), &memory, reply).await;
    let said = Why::Failed.to_string();
    assert_eq!(failed, Err(ConnectorError::SaidToFail(said)));
    let forged = heard(&saml, &a_login(), "foreign-key").await;
    assert_eq!(
        forged,
        Err(ConnectorError::BadReply(Why::SignatureWrong.to_string()))
    );
}

#[test]
fn metadata_says_who_we_are_and_what_to_encrypt_for() {
    let written = |more: &Value| open(more).metadata(CALLBACK).unwrap();
    let usual = written(&json!({}));
    assert_eq!(usual.media_type, "application/samlmetadata+xml");
    assert!(usual.body.contains(&format!("entityID=\"{CALLBACK}\"")));
    assert!(usual.body.contains(&format!("Location=\"{CALLBACK}\"")));
    let decrypting = json!({"entityIssuer": "https://acme.test/us",
        "decryptionKeys": [fixture("sp-NOT-SECRET.pem")], "decryptionCerts": [fixture("sp.crt")]});
    let body = written(&decrypting).body;
    assert!(body.contains("entityID=\"https://acme.test/us\""), "{body}");
    assert!(body.contains("use=\"encryption\""), "{body}");
}

#[tokio::test]
async fn a_refresh_tells_what_was_told_at_the_login_to_whom_is_still_let_in() {
    let saml = open(&json!({"groupsAttr": "groups"}));
    let known = heard(&saml, &asking_groups(), "both-signed").await.unwrap();
    assert_eq!(
        saml.refresh(&asking_groups(), &known).await,
        Ok(known.clone())
    );
    let narrower = open(&json!({"groupsAttr": "groups", "allowedGroups": ["board"]}));
    let refused = narrower.refresh(&asking_groups(), &known).await;
    assert_eq!(refused, Err(ConnectorError::NotInGroup));
    let mut other = known.clone();
    other.claims.user_id = insula_model::UserId::parse("mallory").unwrap();
    let nothing = UpstreamIdentity {
        connector_data: None,
        ..known
    };
    for broken in [other, nothing] {
        let refused = saml.refresh(&a_login(), &broken).await;
        assert!(
            matches!(refused, Err(ConnectorError::Denied(_))),
            "{refused:?}"
        );
    }
}
