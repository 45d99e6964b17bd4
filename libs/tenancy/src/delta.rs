use insula_store::{StoreError, TenantChange, TenantRegistry};

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
}
