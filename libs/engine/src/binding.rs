//! Which browser a login belongs to.

use insula_model::{BindingCookie, TenantSpec, TokenHash};

/// What the cookies of a browser say of the login it comes back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// It is this browser's.
    ToThis,
    /// The browser sent no cookie, or the login is bound to none.
    ToNone,
    /// It is another browser's.
    ToAnother,
}

/// Compares every binding cookie a browser sent: one that was planted beside ours hides nothing.
pub fn bound(login: Option<&TokenHash>, presented: &[BindingCookie]) -> Bound {
    match login {
        Some(hash) if presented.iter().any(|value| hash.matches(value.reveal())) => Bound::ToThis,
        Some(_) if !presented.is_empty() => Bound::ToAnother,
        _ => Bound::ToNone,
    }
}

/// Whether a browser may take the next step of a login.
///
/// A login is finished by the browser that began it, or by nobody
/// ([RFC 9700 §4.7](https://www.rfc-editor.org/rfc/rfc9700#section-4.7)). dex without sessions sets
/// no cookie: it works in browsers that take none, and where an upstream hands over from one browser
/// to another or posts across sites. Its dialect takes a step without a cookie too, but none from a
/// browser whose cookie says that it is another.
pub fn may_take_a_step(bound: Bound, spec: &TenantSpec) -> bool {
    match bound {
        Bound::ToThis => true,
        Bound::ToNone => spec.rules.takes_steps_without_cookie && !spec.sessions.enabled,
        Bound::ToAnother => false,
    }
}

#[cfg(test)]
mod tests {
    use insula_testkit::a_tenant;

    use super::*;

    #[test]
    fn a_login_is_this_browsers_if_any_of_its_cookies_says_so() {
        let own = TokenHash::of("own");
        let sent = |values: &[&str]| {
            let values = values.iter();
            values.map(|v| BindingCookie::new(*v)).collect::<Vec<_>>()
        };
        for (login, presented, expected) in [
            (Some(&own), sent(&["own"]), Bound::ToThis),
            (Some(&own), sent(&["planted", "own"]), Bound::ToThis),
            (Some(&own), sent(&["other"]), Bound::ToAnother),
            (Some(&own), sent(&["other", "planted"]), Bound::ToAnother),
            (Some(&own), sent(&[""]), Bound::ToAnother),
            (Some(&own), sent(&[]), Bound::ToNone),
            (None, sent(&["own"]), Bound::ToNone),
            (None, sent(&[]), Bound::ToNone),
        ] {
            assert_eq!(bound(login, &presented), expected, "{presented:?}");
        }
    }

    #[test]
    fn a_missing_cookie_is_forgiven_by_dex_without_sessions_alone_and_a_wrong_one_by_nobody() {
        let with_sessions = a_tenant().dex().with(|spec| spec.sessions.enabled = true);
        for (spec, without) in [
            (a_tenant().build(), false),
            (a_tenant().dex().build(), true),
            (with_sessions.build(), false),
        ] {
            assert!(may_take_a_step(Bound::ToThis, &spec));
            assert_eq!(may_take_a_step(Bound::ToNone, &spec), without);
            assert!(!may_take_a_step(Bound::ToAnother, &spec));
        }
    }
}
