//! The authorization endpoint: is the request good, and what happens next.

mod claims_parameter;
mod home_realm;
mod keeping;
mod length;
mod next;
mod redirect_uri;
mod reply_to;
mod request_object;
mod response_type;
mod scope;
mod validate;

#[cfg(test)]
mod tests;

pub use home_realm::AddressTrouble;
pub use keeping::{Keeping, LONGEST_IN_BROWSER, keeping};
pub use next::{
    Choice, Consent, Next, Standing, available, depends_on_consent, forces_login, may_be_silent,
    may_log_in_at, next,
};
pub use reply_to::ReplyTo;
pub use request_object::unpacked;
pub use response_type::answer_mode;
pub(crate) use scope::allowed as allowed_scopes;
pub use validate::{Rejection, validate};
