//! A form that another site posted, on its way to be asked again from here.
//!
//! Browsers send no `SameSite=Lax` cookie with a POST that another site began, so that whoever judges
//! it at once takes a person who is logged in for a stranger. Its parameters travel back to us
//! through the browser, as a GET that the cookies come along with: sealed, because what a site posts
//! (a hint, a code, an assertion) it did not want to stand in a URL, and with us nothing is kept.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use insula_ambient::Timestamp;
use insula_engine::Refusal;
use insula_jose::MasterKey;
use insula_oauth::{Params, encode_pairs};

use crate::TenantView;

const PURPOSE: &str = "posted-form";

/// A redirect is followed at once; the rest is for whoever loads the page again.
const LIFETIME: Duration = Duration::from_mins(10);

/// Longer ones do not pass every proxy as a part of a URL.
const LONGEST: usize = 3 * 1024;

/// The parameters as a word that a URL of `route` can carry; `None` if they are too long for one.
pub fn seal(view: &TenantView, route: &str, params: &Params) -> Option<String> {
    let expires_at = (view.now() + LIFETIME).as_millis();
    let plain = format!("{expires_at}\n{route}\n{}", encode_pairs(params.pairs()));
    if plain.len() > LONGEST {
        return None;
    }
    let sealed = key(view).seal(PURPOSE, plain.as_bytes(), view.effects.entropy.as_ref());
    Some(BASE64URL_NOPAD.encode(&sealed))
}

/// The parameters again, at the route they were posted to.
pub fn open(view: &TenantView, route: &str, word: &str) -> Result<Params, Refusal> {
    let unreadable = || Refusal::MalformedBody("the posted form is not whole".to_owned());
    let sealed = BASE64URL_NOPAD
        .decode(word.as_bytes())
        .map_err(|_| unreadable())?;
    let plain = key(view).open(PURPOSE, &sealed).map_err(|_| unreadable())?;
    let plain = String::from_utf8(plain).map_err(|_| unreadable())?;
    let mut parts = plain.splitn(3, '\n');
    let (Some(expires_at), Some(at), Some(pairs)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(unreadable());
    };
    let expires_at = expires_at.parse().map_err(|_| unreadable())?;
    if at != route {
        return Err(unreadable());
    }
    if view.now() >= Timestamp::from_millis(expires_at) {
        return Err(Refusal::LoginExpired);
    }
    Params::parse(pairs).map_err(|_| unreadable())
}

fn key(view: &TenantView) -> MasterKey {
    MasterKey::from_bytes(view.keys.derive(PURPOSE))
}

#[cfg(test)]
mod tests {
    use insula_testkit::a_tenant;

    use super::*;
    use crate::testing::view;

    fn params() -> Params {
        Params::from_pairs([
            ("id_token_hint", "a.b.c"),
            ("state", "x y&z"),
            ("empty", ""),
        ])
    }

    #[test]
    fn a_posted_form_comes_back_as_it_was_and_cannot_be_read_on_the_way() {
        let (view, _) = view(a_tenant());
        let word = seal(&view, "/logout", &params()).unwrap();
        assert_eq!(open(&view, "/logout", &word), Ok(params()));
        assert!(
            word.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        );
        assert_ne!(seal(&view, "/logout", &params()).unwrap(), word);
    }

    #[test]
    fn a_posted_form_is_worth_nothing_elsewhere_later_or_changed() {
        let (here, clock) = view(a_tenant());
        let word = seal(&here, "/logout", &params()).unwrap();
        let malformed = Err(Refusal::MalformedBody(
            "the posted form is not whole".into(),
        ));
        for (route, word) in [
            ("/auth", word.clone()),
            ("/logout", format!("{word}A")),
            ("/logout", word.replace(&word[40..44], "AAAA")),
            ("/logout", "AAAA".into()),
            ("/logout", "not base64!".into()),
        ] {
            assert_eq!(open(&here, route, &word), malformed, "{route} {word}");
        }
        clock.advance(LIFETIME);
        assert_eq!(open(&here, "/logout", &word), Err(Refusal::LoginExpired));
    }

    #[test]
    fn a_form_too_long_for_a_url_is_not_put_into_one() {
        let (view, _) = view(a_tenant());
        let of = |length: usize| Params::from_pairs([("SAMLResponse", "x".repeat(length))]);
        assert!(seal(&view, "/callback", &of(LONGEST)).is_none());
        let word = seal(&view, "/callback", &of(LONGEST - 100)).unwrap();
        assert!(word.len() < 4300, "{}", word.len());
    }
}
