//! Files and environment in, typed settings and tenant specs out.
//!
//! Owns how `insula.yaml`, `tenant.yaml` and dex's config are written, what holds where they are
//! silent, and what is said about what is wrong in them: everything at once, with file, line, column,
//! key, cause and next step. One parser serves both formats of a tenant; `native.rs` and `dex.rs`
//! hold what tells them apart. Owns no watching of files, no meaning of a connector's `config` and no
//! serving: whoever holds a spec may trust it.

mod clash;
mod defaults;
mod dex;
mod duration;
mod environment;
mod native;
mod problem;
mod reading;
mod secret;
mod section;
mod server;
mod source;
mod tenant;
mod tree;

#[cfg(test)]
mod tests;

pub use clash::{check_defaults, check_tenants};
pub use defaults::JWKS_MAX_AGE;
pub use environment::process_environment;
pub use problem::{Problem, Severity};
pub use reading::Lookup;
pub use secret::{SecretError, SecretRef};
pub use server::{
    AwakeLimits, CacheUrl, ConfigError, Connections, DatabasePool, HostCertificate, Listen, Log,
    LogFormat, Outbound, ServerConfig, ServiceUrl, Setting, Tls,
};
pub use source::{
    DefaultMark, Document, LoadOptions, Loaded, TenantFiles, TenantSource, Unservable,
    read_document,
};
