//! `sub`: who a token is about, in dex's form.

use insula_model::{ClientId, ConnectorId, Login, Rules, UserId};

use crate::{Refusal, string_pair};

/// The longest `sub` that an ID token may have
/// ([OpenID Connect Core §2](https://openid.net/specs/openid-connect-core-1_0.html#IDToken)).
const LONGEST: usize = 255;

/// The `sub` of a person: their id upstream and the connector they came through
/// ([OpenID Connect Core §2](https://openid.net/specs/openid-connect-core-1_0.html#IDToken)).
///
/// Byte for byte dex's: base64url without padding of the protobuf message
/// `IDTokenSubject { string user_id = 1; string conn_id = 2; }`. Policies and databases of relying
/// parties are keyed by it.
///
/// ```
/// use insula_engine::subject;
/// use insula_model::{ClientId, ConnectorId, Rules, UserId};
/// let (user, connector) = (UserId::parse("2342749")?, ConnectorId::parse("github")?);
/// assert_eq!(subject::encode(&user, &connector), "CgcyMzQyNzQ5EgZnaXRodWI");
/// # Ok::<(), insula_model::InvalidId>(())
/// ```
pub fn encode(user: &UserId, connector: &ConnectorId) -> String {
    string_pair::encode(user.as_str(), connector.as_str())
}

/// Whether an ID token may name this person. A client that has room for what the specification allows
/// would cut a longer `sub` off, and take two people for one.
pub(crate) fn must_fit_id_token(login: &Login, rules: &Rules) -> Result<(), Refusal> {
    let length = encode(&login.claims.user_id, &login.connector_id).len();
    if !rules.limits_length_of_sub || length <= LONGEST {
        return Ok(());
    }
    Err(Refusal::UpstreamReply {
        connector: login.connector_id.to_string(),
        why: format!(
            "its id of this person is too long: sub would have {length} characters, and may have \
             {LONGEST}; name a shorter claim in userIDKey of the connector"
        ),
    })
}

/// The `sub` of a client that has tokens of its own: its id
/// ([RFC 9068 §2.2](https://www.rfc-editor.org/rfc/rfc9068#section-2.2)); dex writes it as that of
/// somebody without a connector.
pub(crate) fn of_client(client: &ClientId, rules: &Rules) -> String {
    if rules.writes_client_as_person {
        string_pair::encode(client.as_str(), "")
    } else {
        client.as_str().to_owned()
    }
}

/// Reads [`encode`]; `None` if it is no `sub` of ours.
pub fn decode(sub: &str) -> Option<(UserId, ConnectorId)> {
    let (user, connector) = string_pair::decode(sub)?;
    Some((
        UserId::parse(user).ok()?,
        ConnectorId::parse(connector).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use insula_testkit::a_login;

    use super::*;

    #[test]
    fn a_subject_is_dexs_to_the_byte() {
        for (user, connector, sub) in [
            ("2342749", "github", "CgcyMzQyNzQ5EgZnaXRodWI"),
            ("0-385-28089-0", "mock", "Cg0wLTM4NS0yODA4OS0wEgRtb2Nr"),
            (
                "08a8684b-db88-4b73-90a9-3cd1661f5466",
                "local",
                "CiQwOGE4Njg0Yi1kYjg4LTRiNzMtOTBhOS0zY2QxNjYxZjU0NjYSBWxvY2Fs",
            ),
        ] {
            let user = UserId::parse(user).unwrap();
            let connector = ConnectorId::parse(connector).unwrap();
            assert_eq!(encode(&user, &connector), sub);
            assert_eq!(decode(sub), Some((user, connector)));
        }
    }

    #[test]
    fn no_id_token_has_a_sub_of_more_than_255_characters_but_dexs() {
        let told = |length: usize, rules| {
            let mut login = a_login();
            login.claims.user_id = UserId::parse("u".repeat(length)).unwrap();
            let sub = encode(&login.claims.user_id, &login.connector_id).len();
            (sub, must_fit_id_token(&login, rules))
        };
        assert_eq!(told(182, &Rules::STANDARD), (255, Ok(())));
        let (sub, refused) = told(183, &Rules::STANDARD);
        let Err(Refusal::UpstreamReply { connector, why }) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!((sub, connector.as_str()), (256, "mock"));
        assert!(why.contains("sub would have 256 characters"), "{why}");
        assert_eq!(told(255, &Rules::DEX).1, Ok(()));
    }

    #[test]
    fn a_stranger_is_no_subject() {
        assert_eq!(decode("jane"), None);
        assert_eq!(decode(""), None);
    }
}
