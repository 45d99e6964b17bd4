//! The short-lived half of the store on Redis or Valkey: logins under way, codes, counters, the change bus.
//!
//! Owns connections, time limits, the breaker that lets a dead Redis fail fast, the layout of keys
//! and the scripts that make a verb one atomic step. Owns no durable row: everything here has a
//! lifetime, and losing it makes logins under way start again.
//!
//! Sockets belong to the runtime that opened them, so every call is carried out on the runtime
//! whose handle was given at connect, whoever awaits it.

mod address;
mod bus;
mod cache;
mod cause;
mod device;
mod link;
mod metrics;
mod options;
mod record;
mod script;

pub use bus::RedisBus;
pub use cache::RedisCache;
pub use options::RedisOptions;
