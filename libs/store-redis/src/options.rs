use std::time::Duration;

use insula_store::CacheLimits;

/// How Redis is talked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisOptions {
    /// How long a command may take before the caller hears that Redis is not there.
    pub command_timeout: Duration,
    /// How long it may take to reach the server and agree on terms.
    pub connect_timeout: Duration,
    /// After so many failures in a row nobody waits any more until Redis was seen to answer.
    pub failures_to_open: u32,
    /// The first pause between two attempts to reach a server that is away; doubled each time.
    pub retry_min: Duration,
    /// The longest such pause.
    pub retry_max: Duration,
    /// What every key and channel begins with, so that several installations can share a server.
    pub prefix: String,
    /// How many codes and counters a tenant may have. Of used codes there are no more
    /// than logins were finished, and what all tenants hold together is for Redis itself to bound
    /// (`maxmemory`).
    pub limits: CacheLimits,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            command_timeout: Duration::from_millis(150),
            connect_timeout: Duration::from_secs(2),
            failures_to_open: 5,
            retry_min: Duration::from_millis(50),
            retry_max: Duration::from_secs(1),
            prefix: "insula".into(),
            limits: CacheLimits::default(),
        }
    }
}
