//! Logins that were denied, told among the events of the tenant.
//!
//! Anybody can be denied as often as they like, so not each is told: the first hundred of an hour
//! are, and after them each that doubles their count, which every one of them tells.

use std::time::Duration;

use insula_engine::people::user_of_name;
use insula_model::{ClientId, ConnectorId, Denial, EventKind};
use insula_store::Changes;
use tracing::warn;

use crate::commit::event;
use crate::{FlowError, TenantView};

/// So many are told one by one.
const ONE_BY_ONE: u64 = 100;
/// They are counted anew after this long.
pub(crate) const COUNTED_FOR: Duration = Duration::from_hours(1);
const COUNTER: &str = "login-denials";

/// A login that was denied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Denied<'a> {
    pub(crate) client: &'a ClientId,
    pub(crate) connector: &'a ConnectorId,
    /// What was typed, where a name was.
    pub(crate) name: Option<&'a str>,
    pub(crate) reason: Denial,
}

/// Tells it, if it is one of those that are told. Who was denied is told so whatever becomes of this.
pub(crate) async fn tell(view: &TenantView, denied: Denied<'_>) {
    if let Err(error) = told(view, denied).await {
        warn!(
            ?error,
            "a login that was denied could not be told among the events"
        );
    }
}

async fn told(view: &TenantView, denied: Denied<'_>) -> Result<(), FlowError> {
    let cache = &view.effects.cache;
    let count = cache.count(COUNTER, COUNTED_FOR).await?;
    if !is_told(count) {
        return Ok(());
    }
    let name = denied.name;
    let user = name.and_then(|name| user_of_name(&view.spec, denied.connector, name));
    let kind = EventKind::LoginDenied {
        client: denied.client.clone(),
        connector: denied.connector.clone(),
        user: user.cloned(),
        reason: denied.reason,
        count,
    };
    let changes = Changes {
        events: vec![event(view, kind)],
        ..Changes::default()
    };
    view.effects.store.commit(&changes).await?;
    Ok(())
}

/// Whether the so-manieth of a flood is told.
pub(crate) const fn is_told(count: u64) -> bool {
    count <= ONE_BY_ONE || count.is_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_denials_of_an_hour_are_a_hundred_and_some_events() {
        let told = (1..=1_000_000).filter(|count| is_told(*count));
        assert_eq!(told.count(), 100 + 13);
    }
}
