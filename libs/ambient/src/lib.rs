//! Time and randomness: the two things a pure function must be handed; and how long to leave alone
//! whoever does not answer.
//!
//! Owns the [`Clock`] and [`Entropy`] seams, their real forms and the forms tests hold in their
//! hand, the arithmetic of pauses between tries, and the two text forms of bytes that no library
//! has as they are needed. Owns no timer, no scheduler and no
//! cryptographic key: who needs the time asks for a [`Timestamp`] or a [`Monotonic`] argument, and
//! only shells hold a clock.

mod backoff;
mod breaker;
mod clock;
mod encoding;
mod entropy;
mod forward;
mod monotonic;
mod timestamp;

pub use backoff::Backoff;
pub use breaker::Breaker;
pub use clock::{Clock, ManualClock, SystemClock};
pub use encoding::{base32_lower, read_base64};
pub use entropy::{Entropy, SeededEntropy, SystemEntropy};
pub use forward::ForwardClock;
pub use monotonic::Monotonic;
pub use timestamp::Timestamp;
