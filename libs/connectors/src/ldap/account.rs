//! What a directory says of an account that may not log in, where no password is there to ask it by.

use insula_ambient::Timestamp;

use super::entry::Entry;

/// What is read of an account. A directory without them does not answer them.
pub(super) const ATTRIBUTES: &[&str] = &[
    USER_ACCOUNT_CONTROL,
    ACCOUNT_EXPIRES,
    NS_ACCOUNT_LOCK,
    LOGIN_DISABLED,
    LOCKED_TIME,
];

/// Active Directory's flags.
const USER_ACCOUNT_CONTROL: &str = "userAccountControl";
const ACCOUNT_DISABLED: i64 = 2;
/// Active Directory's end of an account, in steps of 100 ns since 1601.
const ACCOUNT_EXPIRES: &str = "accountExpires";
/// From 1601 to 1970, in those steps.
const TO_UNIX_EPOCH: i64 = 116_444_736_000_000_000;
/// 389 Directory Server and FreeIPA.
const NS_ACCOUNT_LOCK: &str = "nsAccountLock";
/// eDirectory.
const LOGIN_DISABLED: &str = "loginDisabled";
/// Password policies of `OpenLDAP` (draft-behera-ldap-password-policy, 5.3.3): locked until somebody
/// unlocks it. Other times are those of a lock after wrong passwords, which goes by.
const LOCKED_TIME: &str = "pwdAccountLockedTime";
const LOCKED_FOR_EVER: &str = "000001010000Z";

/// Why the account is closed, if it is. One that is locked after wrong passwords is not: any stranger
/// could end the sessions of everybody.
pub(super) fn closed(entry: &Entry, now: Timestamp) -> Option<&'static str> {
    let is = |attribute: &str, value: &str| {
        let mut texts = entry.texts(attribute);
        texts.any(|text| text.eq_ignore_ascii_case(value))
    };
    let number = |attribute: &str| entry.texts(attribute).next()?.parse::<i64>().ok();
    let is_disabled = number(USER_ACCOUNT_CONTROL)
        .is_some_and(|flags| flags & ACCOUNT_DISABLED != 0)
        || is(NS_ACCOUNT_LOCK, "TRUE")
        || is(LOGIN_DISABLED, "TRUE")
        || is(LOCKED_TIME, LOCKED_FOR_EVER);
    if is_disabled {
        return Some("the account is disabled");
    }
    let has_expired = number(ACCOUNT_EXPIRES)
        .and_then(expiry)
        .is_some_and(|end| end <= now);
    has_expired.then_some("the account has expired")
}

/// The end that Active Directory names; 0 and the largest number stand for none.
fn expiry(steps: i64) -> Option<Timestamp> {
    if steps == 0 || steps == i64::MAX {
        return None;
    }
    let millis = steps.saturating_sub(TO_UNIX_EPOCH) / 10_000;
    Some(Timestamp::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(attribute: &str, value: &str, now: Timestamp) -> Option<&'static str> {
        closed(&Entry::of("cn=a", &[(attribute, &[value])]), now)
    }

    #[test]
    fn disabled_accounts_are_closed_whatever_the_directory_calls_it() {
        let now = Timestamp::from_secs(1_800_000_000);
        for (attribute, value) in [
            ("userAccountControl", "514"),
            ("useraccountcontrol", "66050"),
            ("nsAccountLock", "true"),
            ("loginDisabled", "TRUE"),
            ("pwdAccountLockedTime", "000001010000Z"),
        ] {
            let told = at(attribute, value, now);
            assert_eq!(told, Some("the account is disabled"), "{attribute}");
        }
        for (attribute, value) in [
            ("userAccountControl", "512"),
            ("userAccountControl", "-1x"),
            ("nsAccountLock", "FALSE"),
            // Locked after wrong passwords.
            ("pwdAccountLockedTime", "20261128120000Z"),
            ("lockoutTime", "134403438445726750"),
        ] {
            assert_eq!(at(attribute, value, now), None, "{attribute}");
        }
    }

    #[test]
    fn an_account_ends_when_active_directory_says_so() {
        // 2026-11-28 00:00:00 UTC
        let (steps, end) = ("134402976000000000", Timestamp::from_secs(1_795_824_000));
        let second = std::time::Duration::from_secs(1);
        assert_eq!(at("accountExpires", steps, end - second), None);
        let expired = Some("the account has expired");
        assert_eq!(at("accountExpires", steps, end), expired);
        assert_eq!(at("accountExpires", "1", end), expired);
        for never in ["0", "9223372036854775807", "", "soon"] {
            assert_eq!(at("accountExpires", never, end), None, "{never}");
        }
    }
}
