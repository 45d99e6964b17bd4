//! One file per family of routes: read the input, call one flow, carry the answer.

pub(crate) mod authorize;
pub(crate) mod device;
pub(crate) mod metadata;
pub(crate) mod token;
