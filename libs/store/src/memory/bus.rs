use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::{Change, ChangeBus, ChangeStream, StoreError};

/// How many changes a slow listener may lie behind before it misses the oldest.
const BACKLOG: usize = 1024;

/// Carries word of changes within one process.
#[derive(Debug, Clone)]
pub struct MemoryBus(broadcast::Sender<Change>);

impl MemoryBus {
    /// A bus nobody listens to yet. Clones are the same bus.
    pub fn new() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }
}

impl Default for MemoryBus {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl ChangeBus for MemoryBus {
    async fn publish(&self, change: &Change) -> Result<(), StoreError> {
        // That nobody listens is no fault.
        let _heard_by = self.0.send(change.clone());
        Ok(())
    }

    async fn subscribe(&self) -> Result<ChangeStream, StoreError> {
        let listener = self.0.subscribe();
        let changes = stream::unfold(listener, |mut listener| async move {
            loop {
                match listener.recv().await {
                    Ok(change) => return Some((change, listener)),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        });
        Ok(changes.boxed())
    }
}

#[cfg(test)]
mod tests {
    use insula_model::TenantId;

    use super::*;
    use crate::ChangeKind;

    fn change(origin: &str) -> Change {
        Change {
            tenant: TenantId::parse("acme").unwrap(),
            kind: ChangeKind::Keys,
            origin: origin.into(),
        }
    }

    #[tokio::test]
    async fn every_listener_hears_every_change_from_when_it_began_to_listen() {
        let bus = MemoryBus::new();
        bus.publish(&change("unheard")).await.unwrap();
        let (mut one, mut two) = (
            bus.subscribe().await.unwrap(),
            bus.clone().subscribe().await.unwrap(),
        );
        bus.publish(&change("a")).await.unwrap();
        bus.publish(&change("b")).await.unwrap();
        for listener in [&mut one, &mut two] {
            assert_eq!(listener.next().await, Some(change("a")));
            assert_eq!(listener.next().await, Some(change("b")));
        }
        drop(bus);
        assert_eq!(one.next().await, None);
    }

    #[tokio::test]
    async fn a_listener_that_lies_far_behind_misses_the_oldest_and_goes_on() {
        let bus = MemoryBus::new();
        let mut listener = bus.subscribe().await.unwrap();
        for n in 0..=BACKLOG {
            bus.publish(&change(&n.to_string())).await.unwrap();
        }
        assert_eq!(listener.next().await, Some(change("1")));
    }
}
