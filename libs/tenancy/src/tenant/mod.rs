//! One tenant's actor: `life` decides, `actor` does, the rest says how.

mod actor;
mod asked;
mod branding;
pub use branding::theme_request;
mod build;
mod changes;
mod connectors;
mod life;
mod owner;
mod passwords;
mod rotation;

#[cfg(any(test, feature = "fault-injection"))]
pub(crate) use actor::Suffer;
pub(crate) use actor::{Instruction, Ping, TenantActor};
pub(crate) use asked::Asked;
pub(crate) use life::WhatChanged;
pub(crate) use owner::note_leaving;
