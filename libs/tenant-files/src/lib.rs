//! Tenants from files: a registry whose tenants are the folders of one folder.
//!
//! Owns which of the files are read when, and what of the tenants differs from before, by content.
//! Owns no format (`config` reads), no bound of a read (`files` has them), and no meaning of a
//! connector or a theme: whoever opens the registry looks at those.

mod folders;
mod registry;
mod watched;

pub use folders::{ConnectorKinds, Folders, Inspect};
pub use registry::FileRegistry;
