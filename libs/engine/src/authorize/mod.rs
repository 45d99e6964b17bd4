//! The authorization endpoint: is the request good, and what happens next.

mod reply_to;

pub use reply_to::ReplyTo;
