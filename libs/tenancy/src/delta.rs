use std::sync::Arc;

use insula_store::{StoreError, TenantChange, TenantEntry, TenantRegistry};

use crate::last_good;
use crate::routes::Routes;
use crate::runtime::Runtime;

/// How many changes are asked for at once.
const PAGE: u32 = 1_000;

/// What changed in a registry since it was read last.
#[derive(Debug, Default)]
pub(crate) struct Delta {
    /// Whether these are all tenants there are: who is not among them is gone.
    pub(crate) is_whole: bool,
    pub(crate) changes: Vec<TenantChange>,
    /// Where the next one begins.
    pub(crate) upto: u64,
}

impl Delta {
    /// Reads what changed behind `since`, all pages of it.
    pub(crate) async fn read(
        registry: &dyn TenantRegistry,
        since: u64,
    ) -> Result<Self, StoreError> {
        let mut delta = Self {
            is_whole: since == 0,
            changes: Vec::new(),
            upto: since,
        };
        loop {
            let page = registry.changes_since(delta.upto, PAGE).await?;
            if page.begins_anew {
                delta.is_whole = true;
                delta.changes.clear();
            }
            delta.changes.extend(page.changes);
            delta.upto = page.upto;
            if !page.has_more {
                return Ok(delta);
            }
        }
    }

    /// Adds tenants that did not change and are to be looked at again.
    pub(crate) fn add(&mut self, again: Vec<Arc<TenantEntry>>) {
        for entry in again {
            if !self.is_whole && !self.changes.iter().any(|known| *known.id() == entry.id) {
                self.changes.push(TenantChange::Put(entry));
            }
        }
    }

    /// Which of the changes are of tenants that cannot be read and that nothing leads to.
    pub(crate) fn unroutable(&self, routes: &Routes) -> Vec<usize> {
        let changes = self.changes.iter().enumerate();
        let unroutable = changes.filter(|(_, change)| match change {
            TenantChange::Put(entry) => entry.hosts.is_empty() && !routes.has(&entry.id),
            TenantChange::Removed(_) => false,
        });
        unroutable.map(|(index, _)| index).collect()
    }

    /// Finds these tenants where their last good configurations say. Answers those that nothing can
    /// be told of now.
    pub(crate) async fn recall(
        &mut self,
        runtime: &Runtime,
        unroutable: Vec<usize>,
    ) -> Vec<Arc<TenantEntry>> {
        let mut unknown = Vec::new();
        for index in unroutable {
            let Some(TenantChange::Put(entry)) = self.changes.get_mut(index) else {
                continue;
            };
            match last_good::recall_entry(runtime, entry).await {
                Ok(Some(recalled)) => *entry = Arc::new(recalled),
                Ok(None) => {}
                Err(()) => unknown.push(Arc::clone(entry)),
            }
        }
        unknown
    }
}
