//! Attacks and outages against the real server, each with what must hold all the while.
//!
//! `cargo xtask attack` runs them whole, on a release build, and writes `docs/SECURITY-PROOFS.md`;
//! the test command runs the same code in a short form, which asserts what does not depend on how
//! fast the machine is.

mod connections;
mod floods;
mod frames;
mod guessing;
mod http2;
mod lost_cache;
mod memory;
mod outages;
mod passwords;
mod retrying;
mod rolling;
mod sides;
mod silent;
mod themes;
mod times;

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures_util::FutureExt as _;

pub use connections::{attacks_over_http2, silent_connections};
pub use floods::{logins_that_nobody_finishes, one_address_that_asks_without_a_pause};
pub use guessing::passwords_guessed_from_many_addresses;
pub use http2::{Http2Attack, Taken, attack_over_http2};
pub use lost_cache::{codes_of_a_cache_set_back, ends_while_the_cache_is_away};
pub use memory::{MemoryWatch, resident_bytes};
pub use outages::outages;
pub use passwords::{
    dear_password_guesses_at_a_server_with_one_processor, dear_password_guesses_at_one_tenant,
    password_guesses_at_a_server_with_one_processor, password_guesses_at_one_tenant,
};
pub use rolling::nodes_restarted_in_turn;
pub use silent::{Crowd, Silence, raise_open_files};
pub use themes::themes_that_take_everything;

/// How much of an attack is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Seconds, for the test command.
    Short,
    /// Until the figures mean something.
    Whole,
}

impl Scale {
    /// One of two numbers.
    pub fn of(self, short: usize, whole: usize) -> usize {
        match self {
            Self::Short => short,
            Self::Whole => whole,
        }
    }
}

/// What an attack came to.
#[derive(Debug, Clone)]
pub struct Proof {
    /// What was done to the server.
    pub attack: String,
    /// What was measured.
    pub seen: String,
    /// What had to hold.
    pub bound: String,
    /// Whether it held.
    pub held: bool,
}

/// Fails with everything that did not hold.
#[track_caller]
pub fn assert_held(proofs: &[Proof]) {
    assert!(!proofs.is_empty(), "nothing was proven");
    let broken: Vec<_> = proofs.iter().filter(|proof| !proof.held).collect();
    assert!(broken.is_empty(), "did not hold: {broken:#?}");
}

/// Runs every attack, or those of these names, one after the other. One that cannot be carried out is
/// one that did not hold; a name that no attack has is an error that tells those there are.
pub async fn all(scale: Scale, names: &[String]) -> Result<Vec<Proof>, String> {
    let mut proofs = Vec::new();
    let is_asked = |name: &str| names.is_empty() || names.iter().any(|asked| asked == name);
    macro_rules! run {
        ($($attack:ident),+ $(,)?) => {
            let known = [$(stringify!($attack)),+];
            if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
                return Err(format!("there is no attack {name}; there are {}", known.join(", ")));
            }
            $(if is_asked(stringify!($attack)) {
                eprintln!("── {}", stringify!($attack));
                let began = Instant::now();
                match AssertUnwindSafe($attack(scale)).catch_unwind().await {
                    Ok(found) => {
                        for proof in &found {
                            eprintln!("   {}: {}", proof.attack, proof.seen);
                        }
                        proofs.extend(found);
                    }
                    Err(_) => proofs.push(Proof {
                        attack: stringify!($attack).replace('_', " "),
                        seen: "could not be carried out; what it said stands above".to_owned(),
                        bound: "it runs to its end".to_owned(),
                        held: false,
                    }),
                }
                eprintln!("   {:.1} s", began.elapsed().as_secs_f64());
            })+
        };
    }
    run!(
        password_guesses_at_one_tenant,
        dear_password_guesses_at_one_tenant,
        password_guesses_at_a_server_with_one_processor,
        dear_password_guesses_at_a_server_with_one_processor,
        passwords_guessed_from_many_addresses,
        logins_that_nobody_finishes,
        one_address_that_asks_without_a_pause,
        themes_that_take_everything,
        silent_connections,
        attacks_over_http2,
        nodes_restarted_in_turn,
        outages,
        codes_of_a_cache_set_back,
        ends_while_the_cache_is_away,
    );
    Ok(proofs)
}
