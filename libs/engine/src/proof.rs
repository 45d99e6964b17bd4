use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use insula_jose::{KeyRing, constant_time_eq, hmac_sha256};
use insula_model::AuthRequestId;

/// A step of a login that a link or a form leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Show the consent page, or answer it.
    Approval,
    /// Answer the password form.
    Password,
    /// Confirm a logout.
    Logout,
}

impl Step {
    const fn label(self) -> &'static str {
        match self {
            Self::Approval => "step:approval",
            Self::Password => "step:password",
            Self::Logout => "step:logout",
        }
    }
}

/// The `hmac` of a link: proof that this server led the browser to `step` of this login. It doubles
/// as the token against cross-site request forgery.
pub fn proof_of(keys: &KeyRing, subject: &AuthRequestId, step: Step) -> String {
    proof_of_text(keys, subject.as_str(), step)
}

/// Whether `presented` is the proof of `step`, in constant time.
pub fn proves(keys: &KeyRing, subject: &AuthRequestId, step: Step, presented: &str) -> bool {
    let expected = proof_of(keys, subject, step);
    constant_time_eq(expected.as_bytes(), presented.as_bytes())
}

fn proof_of_text(keys: &KeyRing, subject: &str, step: Step) -> String {
    let key = keys.derive(step.label());
    URL_SAFE_NO_PAD.encode(hmac_sha256(&key, subject.as_bytes()))
}
