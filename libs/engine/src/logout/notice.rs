//! How clients are told that somebody logged out.

use std::time::Duration;

use insula_ambient::{Entropy, Timestamp};
use insula_model::{Client, ConnectorId, SessionId, TenantSpec, UserId};
use serde::Serialize;
use serde_json::{Value, json};

use crate::subject;

/// How long a logout token is good
/// ([Back-Channel Logout §4](https://openid.net/specs/openid-connect-backchannel-1_0.html#Security)
/// recommends two minutes at most).
const GOOD_FOR: Duration = Duration::from_mins(2);

/// The type of a logout token, so that no other JWT passes for one (Back-Channel Logout §2.4).
const TYPE: &str = "logout+jwt";

/// A login of a client whose session ended.
#[derive(Debug, Clone, Copy)]
pub struct EndedLogin<'a> {
    /// The client that is told.
    pub client: &'a Client,
    /// The session's `sid`.
    pub session: &'a SessionId,
    /// Whose it was.
    pub user: &'a UserId,
    /// Who had vouched for them.
    pub connector: &'a ConnectorId,
}

/// A logout token, to be signed as ID tokens of the client are.
///
/// [Back-Channel Logout §2.4](https://openid.net/specs/openid-connect-backchannel-1_0.html#LogoutToken).
/// There is no `nonce` in it, which is forbidden, and no claim about the person but `sub`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogoutToken {
    iss: String,
    sub: String,
    aud: String,
    iat: i64,
    exp: i64,
    jti: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    events: Value,
    /// What its header says it is, if it says so.
    #[serde(skip)]
    pub typ: Option<&'static str>,
}

/// The logout token that tells a client of a session. `sub` is always in it; `sid` is, unless the
/// client does without: then it ends all sessions that it has of the person.
pub fn logout_token(
    ended: EndedLogin<'_>,
    spec: &TenantSpec,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> LogoutToken {
    let logout = &ended.client.logout;
    let has_sid = logout.backchannel_logout_session_required;
    LogoutToken {
        iss: spec.issuer.as_str().to_owned(),
        sub: subject::encode(ended.user, ended.connector),
        aud: ended.client.id.as_str().to_owned(),
        iat: now.as_secs(),
        exp: (now + GOOD_FOR).as_secs(),
        jti: entropy.word(15),
        sid: has_sid.then(|| ended.session.as_str().to_owned()),
        events: json!({"http://schemas.openid.net/event/backchannel-logout": {}}),
        typ: spec.rules.logout_tokens_say_their_type.then_some(TYPE),
    }
}

/// What a browser loads in a frame to tell a client, if it wants to be told so
/// ([Front-Channel Logout §2](https://openid.net/specs/openid-connect-frontchannel-1_0.html#RPLogout)):
/// `iss` and `sid` both, or neither.
pub fn frontchannel_url(client: &Client, session: &SessionId, spec: &TenantSpec) -> Option<String> {
    let logout = &client.logout;
    let uri = logout.frontchannel_logout_uri.as_ref()?;
    if !logout.frontchannel_logout_session_required {
        return Some(uri.clone());
    }
    let named = [("iss", spec.issuer.as_str()), ("sid", session.as_str())];
    Some(with_query(uri, &insula_oauth::encode_pairs(named)))
}

/// A registered URI with more in its query, and otherwise as it was written.
pub(super) fn with_query(uri: &str, more: &str) -> String {
    let joiner = match uri.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some((_, query)) if query.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{uri}{joiner}{more}")
}

#[cfg(test)]
mod tests {
    use insula_ambient::SeededEntropy;
    use insula_model::Rules;
    use insula_testkit::{NOW, a_client, a_tenant, jane};

    use super::*;

    fn client(change: impl FnOnce(&mut Client)) -> Client {
        let mut client = a_client().build();
        change(&mut client);
        client
    }

    fn token(client: &Client, rules: Rules) -> (Value, LogoutToken) {
        let spec = a_tenant().by(rules).build();
        let ended = EndedLogin {
            client,
            session: &SessionId::parse("session1").unwrap(),
            user: &jane().user_id,
            connector: &ConnectorId::parse("mock").unwrap(),
        };
        let token = logout_token(ended, &spec, NOW, &SeededEntropy::new(1));
        (serde_json::to_value(&token).unwrap(), token)
    }

    #[test]
    fn a_logout_token_holds_what_the_specification_requires_and_nothing_else() {
        let (claims, token) = token(&client(|_| {}), Rules::STANDARD);
        let connector = ConnectorId::parse("mock").unwrap();
        assert_eq!(claims["iss"], "https://acme.test");
        assert_eq!(claims["aud"], "app");
        assert_eq!(claims["sub"], subject::encode(&jane().user_id, &connector));
        assert_eq!(claims["sid"], "session1");
        assert_eq!(claims["iat"], NOW.as_secs());
        assert_eq!(claims["exp"], NOW.as_secs() + 120);
        assert_eq!(
            claims["events"],
            json!({"http://schemas.openid.net/event/backchannel-logout": {}})
        );
        assert_eq!(claims.as_object().unwrap().len(), 8, "no nonce: {claims}");
        assert_eq!(token.typ, Some("logout+jwt"));
        assert!(claims["jti"].as_str().unwrap().len() >= 22);
    }

    #[test]
    fn a_client_that_does_without_sid_is_told_the_person_alone() {
        let client = client(|client| client.logout.backchannel_logout_session_required = false);
        let (claims, _) = token(&client, Rules::STANDARD);
        assert_eq!(claims.get("sid"), None);
        assert!(claims["sub"].is_string());
    }

    #[test]
    fn a_logout_token_of_dex_has_no_type_and_its_members_in_dexs_order() {
        let (_, token) = token(&client(|_| {}), Rules::DEX);
        assert_eq!(token.typ, None);
        let text = serde_json::to_string(&token).unwrap();
        let names = ["iss", "sub", "aud", "iat", "exp", "jti", "sid", "events"];
        let places = names.map(|name| text.find(&format!("\"{name}\":")).unwrap());
        assert!(places.is_sorted(), "{text}");
    }

    #[test]
    fn a_frame_is_told_issuer_and_session_together_or_neither() {
        let spec = a_tenant().build();
        let sid = SessionId::parse("session1").unwrap();
        let told = "iss=https%3A%2F%2Facme.test&sid=session1";
        for (uri, expected) in [
            (
                "https://app.test/out",
                format!("https://app.test/out?{told}"),
            ),
            (
                "https://app.test/?a=b",
                format!("https://app.test/?a=b&{told}"),
            ),
            ("https://app.test/?", format!("https://app.test/?{told}")),
        ] {
            let mut client = client(|client| {
                client.logout.frontchannel_logout_uri = Some(uri.to_owned());
            });
            let url = frontchannel_url(&client, &sid, &spec);
            assert_eq!(url, Some(expected));
            client.logout.frontchannel_logout_session_required = false;
            let url = frontchannel_url(&client, &sid, &spec);
            assert_eq!(url.as_deref(), Some(uri));
        }
        let silent = client(|_| {});
        assert_eq!(frontchannel_url(&silent, &sid, &spec), None);
    }
}
