use insula_model::{CodeGrant, Rules};
use insula_oauth::DeviceCodeRequest;

use super::authorization_code::challenge_is_met;
use crate::Refusal;

/// Whether a device may have the tokens its code stands for, which was found for its client alone.
///
/// [RFC 8628 §3.4](https://www.rfc-editor.org/rfc/rfc8628#section-3.4). A device that sent a
/// challenge must meet it, as in [RFC 7636 §4.6](https://www.rfc-editor.org/rfc/rfc7636#section-4.6).
pub fn device_code(
    request: &DeviceCodeRequest,
    grant: &CodeGrant,
    rules: &Rules,
) -> Result<(), Refusal> {
    challenge_is_met(grant, request.code_verifier.as_ref(), rules)
}

#[cfg(test)]
mod tests {
    use insula_oauth::CodeVerifier;
    use insula_testkit::{VERIFIER, a_code_grant};

    use super::*;

    #[test]
    fn a_device_that_sent_a_challenge_must_meet_it_and_no_other_may_try() {
        let family = || a_code_grant().grant_id;
        let with = a_code_grant();
        let mut without = a_code_grant();
        without.code_challenge = None;
        let wrong = VERIFIER.replace('d', "e");
        for rules in [&Rules::STANDARD, &Rules::DEX] {
            for (grant, verifier, expected) in [
                (&with, Some(VERIFIER), Ok(())),
                (&without, None, Ok(())),
                (
                    &with,
                    None,
                    Err(Refusal::PkceVerifierMissing { grant: family() }),
                ),
                (
                    &with,
                    Some(&*wrong),
                    Err(Refusal::PkceMismatch { grant: family() }),
                ),
                (
                    &without,
                    Some(VERIFIER),
                    Err(Refusal::PkceNotStarted { grant: family() }),
                ),
            ] {
                let request = DeviceCodeRequest {
                    device_code: None,
                    code_verifier: verifier.map(CodeVerifier::new),
                    resources: Vec::new(),
                };
                assert_eq!(device_code(&request, grant, rules), expected);
            }
        }
    }
}
