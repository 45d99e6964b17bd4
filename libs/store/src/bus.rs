use async_trait::async_trait;
use futures_util::stream::BoxStream;
use insula_model::TenantId;
use serde::{Deserialize, Serialize};

use crate::{ChangedFact, StoreError};

/// What changed of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Its key ring was swapped.
    Keys,
    /// Its configuration was replaced.
    Spec,
    /// Rows that processes remember.
    Facts(Vec<ChangedFact>),
}

/// Word of a change, for the processes that did not make it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Whose.
    pub tenant: TenantId,
    /// Of what.
    pub kind: ChangeKind,
    /// The process that made it, so that it can pass over its own.
    pub origin: String,
}

/// Word of changes, as it comes.
pub type ChangeStream = BoxStream<'static, Change>;

/// Carries word of changes between processes. Word may be lost: a slow poll covers for it, and
/// [`FACTS_GOOD_FOR`](crate::FACTS_GOOD_FOR) where rows are remembered.
#[async_trait]
pub trait ChangeBus: Send + Sync + 'static {
    /// Tells everybody.
    async fn publish(&self, change: &Change) -> Result<(), StoreError>;

    /// Hears everybody, from now on. The stream ends only with the bus.
    async fn subscribe(&self) -> Result<ChangeStream, StoreError>;
}
