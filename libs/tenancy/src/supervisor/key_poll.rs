use std::sync::Arc;

use actix::{ActorFutureExt as _, AsyncContext as _, Context, Handler as _, WrapFuture as _};
use insula_model::TenantId;

use super::supervised::ActorState;
use super::{SupervisorActor, SupervisorCommand};
use crate::key_versions::outdated;
use crate::tenant::ReloadScope;

impl SupervisorActor {
    /// Asks in which versions the keys of all tenants that are served are stored, a thousand in one
    /// statement, and has those loaded anew that another process changed without our hearing of it.
    pub(super) fn poll_keys(&mut self, ctx: &mut Context<Self>) {
        if self.is_polling_keys {
            return;
        }
        let known = self.tenants.iter().filter_map(|(id, entry)| {
            let ActorState::Serving(_) = entry.state() else {
                return None;
            };
            let version = entry.cell.handle()?.snapshot().keys_version;
            Some((id.clone(), version))
        });
        let known: Vec<(TenantId, u64)> = known.collect();
        self.is_polling_keys = true;
        let runtime = Arc::clone(&self.runtime);
        let asking = self.runtime.deps.io.spawn(async move {
            let patience = runtime.options.io_timeout;
            let asked = outdated(&*runtime.deps.durable, &known);
            let Ok((outdated, answered)) = tokio::time::timeout(patience, asked).await else {
                let ms = patience.as_millis();
                tracing::warn!("the versions of key rings were not answered within {ms} ms");
                return Vec::new();
            };
            if let Err(error) = answered {
                tracing::warn!(%error, "the versions of key rings cannot be asked for: {error}");
            }
            outdated
        });
        let asking = asking.into_actor(self).map(|outdated, supervisor, ctx| {
            supervisor.is_polling_keys = false;
            for id in outdated.unwrap_or_default() {
                supervisor.runtime.metrics.keys_found_changed.inc();
                let which = Some(id);
                let what = ReloadScope::Keys;
                supervisor.handle(SupervisorCommand::Reload { which, what }, ctx);
            }
        });
        ctx.spawn(asking);
    }
}
