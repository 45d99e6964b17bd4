//! What a password policy says beside the answer to a bind (draft-behera-ldap-password-policy-11, §6).

use ldap3::asn1::{PL, StructureTag, TagClass, parse_tag, parse_uint};
use ldap3::controls::{Control, RawControl};

const CONTROL: &str = "1.3.6.1.4.1.42.2.27.8.5.1";
/// What the answer takes at most: three numbers. Longer ones are not looked at, whatever lies in them.
const LONGEST: usize = 64;

/// The answer, empty from a server that has no such policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Policy {
    expires_in_s: Option<u64>,
    grace_logins: Option<u64>,
    error: Option<u64>,
}

/// Asks for it. Who does not know it answers without.
pub(super) fn asked() -> RawControl {
    RawControl {
        ctype: CONTROL.to_owned(),
        crit: false,
        val: None,
    }
}

impl Policy {
    /// What stands in the controls of an answer.
    pub(super) fn of(controls: &[Control]) -> Self {
        let mut values = controls.iter().filter_map(|Control(_, raw)| {
            let value = raw.val.as_deref().filter(|_| raw.ctype == CONTROL);
            value.filter(|value| value.len() <= LONGEST)
        });
        values.next().and_then(read).unwrap_or_default()
    }

    /// Why the entry may not log in, if so.
    pub(super) fn refusal(&self) -> Option<&'static str> {
        match self.error? {
            0 => Some("its password has expired"),
            1 => Some("it is locked"),
            2 => Some("its password must be changed before the next login"),
            _ => None,
        }
    }

    /// Whether nothing but a new password is taken of the entry, though it bound.
    pub(super) fn must_change(&self) -> bool {
        self.error == Some(2)
    }

    /// What is soon to come.
    pub(super) fn warning(&self) -> Option<String> {
        let grace = self.grace_logins;
        let grace =
            grace.map(|left| format!("its password has expired, and {left} logins are left"));
        grace.or_else(|| {
            let seconds = self.expires_in_s?;
            Some(format!("its password expires in {seconds} s"))
        })
    }
}

fn read(value: &[u8]) -> Option<Policy> {
    let (_, whole) = parse_tag(value).ok()?;
    let mut policy = Policy::default();
    for part in whole.expect_constructed()? {
        match (part.class, part.id, part.payload) {
            (TagClass::Context, 0, PL::C(warning)) => {
                for one in warning {
                    match one.id {
                        0 => policy.expires_in_s = number(one),
                        1 => policy.grace_logins = number(one),
                        _ => {}
                    }
                }
            }
            (TagClass::Context, 1, PL::P(code)) => {
                policy.error = parse_uint(&code).ok().map(|(_, code)| code);
            }
            _ => {}
        }
    }
    Some(policy)
}

fn number(tag: StructureTag) -> Option<u64> {
    let bytes = tag.expect_primitive()?;
    Some(parse_uint(&bytes).ok()?.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(value: &[u8]) -> Policy {
        let control = RawControl {
            val: Some(value.to_vec()),
            ..asked()
        };
        Policy::of(&[Control(None, control)])
    }

    #[test]
    fn warnings_and_errors_are_read() {
        assert_eq!(answer(&[0x30, 0]), Policy::default());
        let expires = answer(&[0x30, 6, 0xa0, 4, 0x80, 2, 0x0e, 0x10]);
        let told = expires.warning();
        assert_eq!(told.as_deref(), Some("its password expires in 3600 s"));
        // No login left is not the same as nothing said of it.
        let grace = answer(&[0x30, 5, 0xa0, 3, 0x81, 1, 0]);
        assert!(grace.warning().unwrap().contains("0 logins"));
        for (code, words) in [(0, "expired"), (1, "locked"), (2, "must be changed")] {
            let refused = answer(&[0x30, 3, 0x81, 1, code]);
            assert!(refused.refusal().unwrap().contains(words), "{code}");
            assert_eq!(refused.must_change(), code == 2);
            assert_eq!(refused.warning(), None);
        }
        // passwordInHistory
        assert_eq!(answer(&[0x30, 3, 0x81, 1, 8]).refusal(), None);
    }

    #[test]
    fn what_is_no_such_answer_says_nothing() {
        let nested: Vec<u8> = [0x30, 0x84, 0, 1, 0, 0].repeat(10_000);
        for value in [&[][..], &[0x30], &[0x30, 5, 0x81], &[4, 1, 0], &nested] {
            assert_eq!(answer(value), Policy::default());
        }
        let other = RawControl {
            ctype: "1.2.3".to_owned(),
            crit: false,
            val: Some(vec![0x30, 3, 0x81, 1, 2]),
        };
        assert_eq!(Policy::of(&[Control(None, other)]), Policy::default());
        assert_eq!(Policy::of(&[]), Policy::default());
    }
}
