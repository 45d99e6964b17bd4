//! Wrong secrets of a client, counted by client and client address.

use std::net::IpAddr;
use std::time::Duration;

use insula_engine::Refusal;
use insula_model::{Client, ClientId, EventKind, TokenHash};
use insula_oauth::PresentedClient;
use insula_store::{Changes, Pace, StoreError};
use tracing::warn;

use crate::commit::event;
use crate::denied::{COUNTED_FOR, is_told};
use crate::guesses::{network, pace};
use crate::{FlowError, TenantView};

/// The counter of whoever presents a secret as a client's
/// ([RFC 6749 §2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1) wants it).
///
/// Only what comes from one address counts together, so that nobody keeps a client from its tokens
/// elsewhere. The same wrong secret again is no further guess: a program that was left with an old one
/// asks for ever, and may share its address with those that have the new one. What is counted lies in the
/// cache, for all processes; how long the client rests at that address is remembered here, so that a client that makes no mistakes costs
/// no round trip.
pub(crate) struct ClientGuesses<'v> {
    view: &'v TenantView,
    client: ClientId,
    name: String,
    key: TokenHash,
    guess: TokenHash,
    pace: Pace,
}

impl<'v> ClientGuesses<'v> {
    /// Nothing where nothing is guessed: no client of that id, none of its secrets presented, or an
    /// address that everybody shares.
    pub(crate) fn of(
        view: &'v TenantView,
        client: Option<&Client>,
        presented: &PresentedClient,
        address: Option<IpAddr>,
    ) -> Option<Self> {
        let client = client.filter(|client| !client.secrets.is_empty())?;
        let secret = presented.secret.as_ref()?.reveal();
        let limits = &view.spec.limits;
        let id = TokenHash::of(client.id.as_str()).to_text();
        let name = format!("client-failures:{id}:{}", network(address?));
        Some(Self {
            view,
            client: client.id.clone(),
            key: TokenHash::of(&name),
            name,
            guess: TokenHash::of(secret),
            pace: pace(limits.client_failures, limits),
        })
    }

    /// Refuses to look at the secret while the client rests at this address: right or wrong, it is
    /// answered alike.
    pub(crate) fn must_not_rest(&self) -> Result<(), Refusal> {
        let effects = &self.view.effects;
        let rest = effects
            .facts
            .rests
            .rest(&self.key, effects.clock.monotonic());
        rest.map_or(Ok(()), |rest| Err(too_many(rest)))
    }

    /// Counts a wrong secret.
    pub(crate) async fn count(&self) -> Result<(), FlowError> {
        let effects = &self.view.effects;
        let rests = &effects.facts.rests;
        if rests.is_repeated(&self.key, &self.guess, effects.clock.monotonic()) {
            return Ok(());
        }
        let counters = [(self.name.clone(), self.pace)];
        let counted = effects.cache.count_failures(&counters).await?;
        let rest = counted.first().map_or(Duration::ZERO, |failed| failed.rest);
        if !rest.is_zero() {
            self.tell().await;
        }
        let remembered = rest + self.pace.within;
        let now = effects.clock.monotonic();
        rests.note(self.key, self.guess, (rest, remembered), now);
        Ok(())
    }
}

impl ClientGuesses<'_> {
    /// Tells that the client waits, if it is one of those that are told. It waits whatever becomes of this.
    async fn tell(&self) {
        let told = async {
            let count = self.view.effects.cache.count(COUNTER, COUNTED_FOR).await?;
            if !is_told(count) {
                return Ok(());
            }
            let client = self.client.clone();
            let changes = Changes {
                events: vec![event(
                    self.view,
                    EventKind::ClientSlowedDown { client, count },
                )],
                ..Changes::default()
            };
            self.view.effects.store.commit(&changes).await.map(|_| ())
        };
        let told: Result<(), StoreError> = told.await;
        if let Err(error) = told {
            warn!(%error, "that a client is slowed down could not be told among the events");
        }
    }
}

/// They are counted by this, for all clients of a tenant.
const COUNTER: &str = "clients-slowed-down";

/// What a program is told to wait for.
pub(crate) fn too_many(wait: Duration) -> Refusal {
    let begun = u64::from(wait.subsec_nanos() > 0);
    Refusal::TooManyRequests {
        retry_after_s: (wait.as_secs() + begun).max(1),
    }
}
