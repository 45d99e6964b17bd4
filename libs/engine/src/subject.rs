//! `sub`: who a token is about, in dex's form.

use insula_model::{ClientId, ConnectorId, Rules, UserId};

use crate::string_pair;

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
    fn a_stranger_is_no_subject() {
        assert_eq!(decode("jane"), None);
        assert_eq!(decode(""), None);
    }
}
