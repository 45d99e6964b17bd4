//! The suites every backend passes: one async function for each sentence of a contract. A backend
//! turns them into its tests with a macro, so that the list of its tests reads as the contract.

pub mod cache;
pub mod durable;
pub mod registry;
