//! What is measured: one file for each question.

pub(crate) mod crowd;
pub(crate) mod hanging;
pub(crate) mod idle;
pub(crate) mod logins;
pub(crate) mod machines;
pub(crate) mod metadata;
pub(crate) mod tokens;
