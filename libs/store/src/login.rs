use insula_ambient::Timestamp;
use insula_model::{ClientId, ConnectorId, Identity, IdentityClaims};
use insula_oauth::Scopes;

/// How much later a login must be to be worth a write of its own, where nothing else changed.
const WORTH_A_WRITE_MS: i64 = 60_000;

/// What a person's record becomes by a login; `None` if it is not worth a write: nothing changed
/// but the time, and that by less than a minute. Pure, so that every backend merges alike.
///
/// Scopes a client was allowed before stay allowed. A login that arrives late does not turn the
/// clock of the record back.
pub fn recorded_login(
    stored: Option<Identity>,
    connector: &ConnectorId,
    claims: &IdentityClaims,
    consent: Option<(&ClientId, &Scopes)>,
    at: Timestamp,
) -> Option<Identity> {
    let is_new = stored.is_none();
    let mut identity = stored.unwrap_or_else(|| Identity {
        connector_id: connector.clone(),
        claims: claims.clone(),
        consents: std::collections::BTreeMap::new(),
        first_login_at: at,
        last_login_at: at,
    });
    let mut changed = is_new || identity.claims != *claims;
    if let Some((client, scopes)) = consent {
        let allowed = identity.consents.get(client);
        let united = allowed.map_or_else(|| Scopes::default().union(scopes), |a| a.union(scopes));
        if allowed != Some(&united) {
            identity.consents.insert(client.clone(), united);
            changed = true;
        }
    }
    let moved = at
        .as_millis()
        .saturating_sub(identity.last_login_at.as_millis());
    if !changed && moved < WORTH_A_WRITE_MS {
        return None;
    }
    identity.claims = claims.clone();
    identity.last_login_at = identity.last_login_at.max(at);
    Some(identity)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use insula_model::UserId;

    use super::*;

    const NOON: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn login(stored: Option<Identity>, consent: Option<&str>, at: Timestamp) -> Option<Identity> {
        let connector = ConnectorId::parse("local").unwrap();
        let claims = IdentityClaims::of(UserId::parse("jane").unwrap());
        let app = ClientId::parse("app").unwrap();
        let scopes = consent.map(Scopes::parse);
        let consent = scopes.as_ref().map(|s| (&app, s));
        recorded_login(stored, &connector, &claims, consent, at)
    }

    #[test]
    fn a_login_within_a_minute_that_says_nothing_new_is_not_written() {
        let first = login(None, Some("openid email"), NOON).unwrap();
        let again = NOON + Duration::from_millis(59_999);
        assert_eq!(login(Some(first.clone()), Some("email"), again), None);
        let later = login(Some(first), None, NOON + Duration::from_mins(1)).unwrap();
        assert_eq!(later.last_login_at, NOON + Duration::from_mins(1));
    }

    #[test]
    fn consent_grows_and_a_late_login_does_not_turn_the_clock_back() {
        let first = login(None, Some("email"), NOON).unwrap();
        let late = login(Some(first), Some("groups"), NOON - Duration::from_secs(9)).unwrap();
        assert_eq!(late.last_login_at, NOON);
        let allowed = late.consents.values().next().unwrap();
        assert_eq!(allowed.to_string(), "email groups");
    }
}
