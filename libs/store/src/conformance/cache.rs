//! What every [`TenantCache`](crate::TenantCache) must do.
