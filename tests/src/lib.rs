//! What the end-to-end tests stand on: the real server process, and the people and programs around it.
//!
//! Owns the harness: [`Deployment`] (a folder of tenants and the processes that serve it), [`Agent`] (a
//! browser without a screen), [`Page`], [`RelyingParty`] (a client that checks everything it is
//! told, with other people's code), [`Relay`] (a network that can fail). Owns no test, and uses no
//! crate of ours: what it knows of the server it knows from outside.

pub mod attack;
pub mod scripts;

mod active_directory;
mod agent;
mod database;
mod deployment;
mod jar;
mod listening_client;
mod metrics;
mod page;
mod process;
mod redis_server;
mod relay;
mod relying_party;
mod services;
mod tokens;
mod walk;

pub use active_directory::ActiveDirectory;
pub use agent::{Agent, Answer};
pub use database::execute_on;
pub use deployment::{Deployment, DeploymentBuilder, free_port};
pub use jar::Cookie;
pub use listening_client::{Heard, ListeningClient};
pub use metrics::Metrics;
pub use page::{Form, Page};
pub use process::Process;
pub use redis_server::{Memory, RedisServer};
pub use relay::{ConnectionFault, Relay};
pub use relying_party::{ClientAuth, Login, RelyingParty};
pub use services::{example_client, insula, program, service};
pub use tokens::{Keys, Tokens, Verified, claims_of, header_of, left_half, members_of};
pub use walk::{Back, Person, walk, walk_on, walk_to};

/// A word nobody else uses: 32 hexadecimal digits.
pub fn unique() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
