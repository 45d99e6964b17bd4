//! Processes come and go; logins, sessions and tokens stay.

mod adopt;
mod between_steps;
mod embedded;
mod guesses;
mod last_good;
mod master_key;
mod one_cache;
mod two_nodes;
