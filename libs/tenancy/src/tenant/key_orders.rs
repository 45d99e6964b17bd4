use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use actix::WeakRecipient;
use async_trait::async_trait;
use insula_flows::MakeKeys;
use insula_jose::{Alg, KeyRing};
use tokio::sync::oneshot;

use crate::tenant::actor::ActorCommand;
use crate::tenant::life::ReloadScope;

/// Who waits for keys that a tenant promised. Shared by the tenant's actor and its snapshots.
pub(crate) struct KeyOrders {
    waiting: Mutex<Vec<Order>>,
    /// Set once the actor runs. Weak: a snapshot outlives its actor and keeps nobody alive.
    actor: OnceLock<WeakRecipient<ActorCommand>>,
    patience: Duration,
}

struct Order {
    alg: Alg,
    ready: oneshot::Sender<Arc<KeyRing>>,
}

impl KeyOrders {
    pub(crate) fn new(patience: Duration) -> Arc<Self> {
        Arc::new(Self {
            waiting: Mutex::default(),
            actor: OnceLock::new(),
            patience,
        })
    }

    pub(crate) fn go_to(&self, actor: WeakRecipient<ActorCommand>) {
        // An actor starts once.
        let _set = self.actor.set(actor);
    }

    /// The algorithms that somebody waits for. Who left waits no more.
    pub(crate) fn asked(&self) -> Vec<Alg> {
        let mut waiting = self.waiting();
        waiting.retain(|order| !order.ready.is_closed());
        let mut asked: Vec<Alg> = waiting.iter().map(|order| order.alg).collect();
        drop(waiting);
        asked.sort_unstable();
        asked.dedup();
        asked
    }

    /// Hands out `ring`, which is published now, to whom it has the key for.
    pub(crate) fn deliver(&self, ring: &Arc<KeyRing>) {
        let has = |order: &mut Order| !ring.promised().contains(&order.alg);
        let ready: Vec<Order> = self.waiting().extract_if(.., has).collect();
        for order in ready {
            // Who left does not hear it.
            let _heard = order.ready.send(Arc::clone(ring));
        }
    }

    /// Has everybody hear that their key cannot be had now.
    pub(crate) fn fail(&self) {
        self.waiting().clear();
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Order>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl MakeKeys for KeyOrders {
    async fn ring_with(&self, alg: Alg) -> Option<Arc<KeyRing>> {
        let actor = self.actor.get()?.upgrade()?;
        let (ready, ring) = oneshot::channel();
        {
            let mut waiting = self.waiting();
            waiting.retain(|order| !order.ready.is_closed());
            waiting.push(Order { alg, ready });
        }
        // The stored ring is read first: another process may have made the key.
        actor
            .try_send(ActorCommand::Reload(ReloadScope::Keys))
            .ok()?;
        tokio::time::timeout(self.patience, ring).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use actix::{Actor, Context, Handler};

    use super::*;

    /// An actor that does nothing.
    struct Deaf;

    impl Actor for Deaf {
        type Context = Context<Self>;
    }

    impl Handler<ActorCommand> for Deaf {
        type Result = ();

        fn handle(&mut self, _: ActorCommand, _: &mut Self::Context) {}
    }

    #[actix::test]
    async fn whoever_gave_up_waiting_is_forgotten() {
        let orders = KeyOrders::new(Duration::from_millis(1));
        let actor = Deaf.start();
        orders.go_to(actor.clone().recipient().downgrade());
        for _ in 0..20 {
            assert!(orders.ring_with(Alg::RS256).await.is_none());
        }
        assert!(orders.waiting().len() <= 1);
        assert_eq!(orders.asked(), [], "no key is made for nobody");
    }
}
