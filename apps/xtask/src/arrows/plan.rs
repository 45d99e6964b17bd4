//! The plan: which crate lives on which floor and may use which others.

use std::collections::BTreeMap;

use serde::Deserialize;

/// `docs/arrows.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    /// Crates that the tests of every crate may use.
    pub(super) for_tests: Vec<String>,
    /// Our crates, by their names without `insula-`.
    pub(super) crates: BTreeMap<String, Room>,
    /// Packages of others that are slow to build, and the crates that may name them.
    pub(super) behind: BTreeMap<String, Vec<String>>,
    /// Dependencies of our crates that their sources need not name.
    #[serde(default)]
    pub(super) named_nowhere: BTreeMap<String, Vec<String>>,
}

/// One crate in the plan.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Room {
    /// 0 is the ground; an arrow only ever points to a lower number.
    pub(super) floor: u8,
    /// Every crate of ours that it may name.
    pub(super) uses: Vec<String>,
}
