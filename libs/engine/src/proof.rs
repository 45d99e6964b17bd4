use data_encoding::BASE64URL_NOPAD;
use insula_jose::{KeyRing, constant_time_eq, hmac_sha256};

/// A step of a conversation that a link or a form leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Show the consent page, or answer it. The subject is the auth request.
    Approval,
    /// Confirm a logout. The subject is the session.
    Logout,
    /// Confirm the device that a login is for. The subject is the auth request.
    Device,
    /// Come back from the login of a device whose code was typed here, as dex has it. The subject is
    /// the hash of the user code.
    DeviceCallback,
}

impl Step {
    const fn label(self) -> &'static str {
        match self {
            Self::Approval => "step:approval",
            Self::Logout => "step:logout",
            Self::Device => "step:device",
            Self::DeviceCallback => "step:device-callback",
        }
    }
}

/// The `hmac` of a link or form: proof that this server led the browser to `step` of this very
/// `subject`. It doubles as the token against cross-site request forgery.
pub fn proof_of(keys: &KeyRing, subject: &str, step: Step) -> String {
    let key = keys.derive(step.label());
    BASE64URL_NOPAD.encode(&hmac_sha256(key.reveal(), subject.as_bytes()))
}

/// Whether `presented` is the proof of `step`, in constant time.
pub fn proves(keys: &KeyRing, subject: &str, step: Step, presented: &str) -> bool {
    constant_time_eq(
        proof_of(keys, subject, step).as_bytes(),
        presented.as_bytes(),
    )
}

#[cfg(test)]
mod tests;
