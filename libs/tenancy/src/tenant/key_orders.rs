use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use actix::WeakRecipient;
use actix::prelude::SendError;
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
        match actor.try_send(ActorCommand::Reload(ReloadScope::Keys)) {
            Ok(()) => {}
            Err(SendError::Closed(_)) => return None,
            // Of many who come at once each has a place; there are no more than requests under way.
            Err(SendError::Full(reload)) => actor.do_send(reload),
        }
        tokio::time::timeout(self.patience, ring).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use actix::{Actor, Context, Handler};
    use insula_ambient::SystemEntropy;

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

    /// An actor that hands out the ring it was given, at each word.
    struct Gives(Arc<KeyOrders>, Arc<KeyRing>);

    impl Actor for Gives {
        type Context = Context<Self>;
    }

    impl Handler<ActorCommand> for Gives {
        type Result = ();

        fn handle(&mut self, _: ActorCommand, _: &mut Self::Context) {
            self.0.deliver(&self.1);
        }
    }

    #[actix::test]
    async fn two_hundred_who_come_at_once_all_get_the_key() {
        let orders = KeyOrders::new(Duration::from_secs(30));
        let ring = Arc::new(KeyRing::empty(&SystemEntropy));
        let actor = Gives(Arc::clone(&orders), ring).start();
        orders.go_to(actor.clone().recipient().downgrade());
        let all = (0..200).map(|_| orders.ring_with(Alg::RS256));
        let got = futures_util::future::join_all(all).await;
        assert_eq!(got.iter().filter(|ring| ring.is_some()).count(), 200);
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
