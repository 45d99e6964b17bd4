//! The front page: who is logged in here.

use std::time::Duration;

use insula_model::ConnectorId;

use crate::{Browser, FlowError, TenantView, session};

/// Who is logged in in a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// What they are called.
    pub person: String,
    /// Their mail address, if it is known.
    pub email: String,
    /// Whether the connector vouches for that address.
    pub email_verified: bool,
    /// Their groups, as of the login.
    pub groups: Vec<String>,
    /// The connector they came through.
    pub connector_id: ConnectorId,
    /// What people know it as.
    pub connector_name: String,
    /// How long ago they proved who they are.
    pub since: Duration,
    /// How long the session lasts if it is not used.
    pub left: Duration,
    /// Whether it lasts longer if it is used.
    pub longer_if_used: bool,
}

/// Who is logged in, if anybody is.
pub async fn signed_in(
    view: &TenantView,
    browser: &Browser,
) -> Result<Option<SignedIn>, FlowError> {
    let Some(live) = session::live(view, browser).await? else {
        return Ok(None);
    };
    let session = &live.session;
    let id = &session.connector_id;
    let connector = view.spec.connector(id.as_str());
    let (now, claims) = (view.now(), &session.claims);
    let idle_end = session::idle_end(view, session);
    Ok(Some(SignedIn {
        person: claims.display_name().to_owned(),
        email: claims.email.clone(),
        email_verified: claims.email_verified,
        groups: claims.groups.clone(),
        since: now.since(session.auth_time),
        left: session.expires_at.min(idle_end).since(now),
        longer_if_used: idle_end < session.expires_at,
        connector_name: connector.map_or_else(|| id.to_string(), |known| known.name.clone()),
        connector_id: id.clone(),
    }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use insula_testkit::a_tenant;

    use super::*;
    use crate::testing::{ASK, Person, view};

    #[tokio::test]
    async fn a_session_ends_by_rest_until_its_last_hour() {
        let hours = Duration::from_hours;
        let (view, clock) = view(a_tenant().with(|spec| {
            spec.sessions.absolute_lifetime = hours(3);
            spec.sessions.valid_if_not_used_for = hours(2);
        }));
        let mut person = Person::default();
        assert_eq!(signed_in(&view, &person.browser).await.unwrap(), None);
        person.walks(&view, ASK).await;
        let mut told = Vec::new();
        for _ in 0..2 {
            let known = signed_in(&view, &person.browser).await.unwrap().unwrap();
            told.push((known.since, known.left, known.longer_if_used));
            clock.advance(Duration::from_mins(90));
            person.asks(&view, ASK).await.unwrap();
        }
        let (ninety, begun) = (Duration::from_mins(90), Duration::ZERO);
        assert_eq!(told, [(begun, hours(2), true), (ninety, ninety, false)]);
    }
}
