use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use insula_model::{TenantDocument, TenantId};

use crate::{
    EditTenants, RegisteredDocument, StoreError, TenantChanges, TenantEntry, TenantIndex,
    TenantPut, TenantRegistry,
};

/// A registry in memory, for tests and for tenants that are made up. Clones share their tenants.
#[derive(Debug, Clone, Default)]
pub struct MemoryRegistry(Arc<Mutex<Registered>>);

#[derive(Debug, Default)]
struct Registered {
    index: TenantIndex,
    documents: HashMap<TenantId, TenantDocument>,
}

impl MemoryRegistry {
    /// A registry without tenants.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes over tenants as they are now, whatever they were before and whatever their documents
    /// say: for those who read them from elsewhere.
    pub fn put_all(&self, entries: impl IntoIterator<Item = TenantEntry>) {
        let mut registered = self.lock();
        for entry in entries {
            registered.index.put(entry);
        }
    }

    /// A tenant is gone; `false` if there was none.
    pub fn remove(&self, id: &TenantId) -> bool {
        let mut registered = self.lock();
        registered.documents.remove(id);
        registered.index.remove(id)
    }

    /// Every change is made in one step, so that what a panic leaves behind is whole.
    fn lock(&self) -> MutexGuard<'_, Registered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl TenantRegistry for MemoryRegistry {
    async fn changes_since(&self, since: u64, most: u32) -> Result<TenantChanges, StoreError> {
        Ok(self.lock().index.changes_since(since, most))
    }

    async fn by_host(&self, host: &str) -> Result<Vec<TenantEntry>, StoreError> {
        Ok(self.lock().index.by_host(host))
    }

    async fn document(&self, id: &TenantId) -> Result<Option<RegisteredDocument>, StoreError> {
        let registered = self.lock();
        let number = registered.index.get(id).map(|(number, _)| number);
        let document = registered.documents.get(id).cloned();
        Ok(number
            .zip(document)
            .map(|(number, document)| RegisteredDocument { number, document }))
    }
}

#[async_trait]
impl EditTenants for MemoryRegistry {
    async fn put_tenant(
        &self,
        entry: &TenantEntry,
        document: &TenantDocument,
        expected: Option<u64>,
    ) -> Result<TenantPut, StoreError> {
        let mut registered = self.lock();
        let known = registered.index.get(&entry.id);
        if known.map(|(number, _)| number) != expected {
            return Ok(TenantPut::Lost);
        }
        let number = registered.index.put(entry.clone());
        registered
            .documents
            .insert(entry.id.clone(), document.clone());
        Ok(TenantPut::Stored(number))
    }

    async fn remove_tenant(&self, id: &TenantId) -> Result<bool, StoreError> {
        Ok(self.remove(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::registry::Edited;

    crate::registry_conformance!(async { Some(Edited::new(Arc::new(MemoryRegistry::new()))) });
    crate::edit_tenants_conformance!(async { Some(Edited::new(Arc::new(MemoryRegistry::new()))) });
}
