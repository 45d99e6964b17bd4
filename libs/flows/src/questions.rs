//! Questions to upstreams that are under way in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use insula_model::{Login, TokenHash};

use crate::FlowError;

type Answer = Result<Option<Login>, FlowError>;
type Asked = BoxFuture<'static, Answer>;

/// The questions of a process to upstreams at refreshes: who asks what is being asked waits for the
/// same answer. They go by the use of a grant, whose random id is no two tenants'.
#[derive(Clone, Default)]
pub struct Questions(Arc<Mutex<UnderWay>>);

type UnderWay = HashMap<TokenHash, WeakShared<Asked>>;

impl Questions {
    /// The answer to the question of a usage. One that nobody asks yet is begun, and handed to `spawn`
    /// so that it comes to its end whoever waits.
    pub(crate) fn join(
        &self,
        usage: TokenHash,
        begin: impl FnOnce() -> Asked,
        spawn: impl FnOnce(BoxFuture<'static, ()>),
    ) -> Shared<Asked> {
        let mut under_way = lock(&self.0);
        let asked = under_way.get(&usage).and_then(WeakShared::upgrade);
        if let Some(asked) = asked {
            return asked;
        }
        let (question, all) = (begin(), Arc::clone(&self.0));
        let asked = async move {
            let answer = question.await;
            lock(&all).remove(&usage);
            answer
        };
        let asked = asked.boxed().shared();
        if let Some(weak) = asked.downgrade() {
            under_way.insert(usage, weak);
        }
        drop(under_way);
        spawn(asked.clone().map(drop).boxed());
        asked
    }
}

fn lock(under_way: &Mutex<UnderWay>) -> MutexGuard<'_, UnderWay> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}
