//! What an address, written by whoever registers it, may not hold.

/// What to do about an address with something odd in it.
pub const NEXT_STEP: &str = "write it without, or percent-encoded";

/// What in an address no parser of URLs keeps as it is: each strips or encodes it in its own way, so
/// that what is compared as text and what is called would be two different things.
pub fn oddity(text: &str) -> Option<&'static str> {
    if text.contains(['\n', '\r']) {
        Some("holds a line break")
    } else if text.chars().any(char::is_control) {
        Some("holds a control character")
    } else if text.chars().any(char::is_whitespace) {
        Some("holds a blank")
    } else if text.chars().any(is_invisible) {
        Some("holds a character that nobody sees")
    } else {
        None
    }
}

/// Whether Go's URL parser, and with it dex, refuses the text: for dex it can never work.
pub fn is_refused_by_dex(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_control())
}

/// Whether a host is this machine: `localhost`, a name below it, or a loopback address.
pub fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Zero-width characters and those that turn the direction of reading.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::oddity;

    #[test]
    fn whatever_a_url_parser_would_strip_or_hide_is_odd() {
        for text in [
            "https://a.test/cb\n",
            "https://a.test\r/cb",
            "https://a.\ttest/cb",
            " https://a.test",
            "https://a.test/c b",
            "https://a.test/\u{a0}",
            "https://a.test/\u{200b}cb",
            "https://a.test/\u{202e}bc",
            "\u{feff}https://a.test",
            "https://a.test/\u{0}",
        ] {
            assert!(oddity(text).is_some(), "{text:?}");
        }
        for text in [
            "https://a.test/c%20b?x=1",
            "https://ä.test/ö",
            "com.example.app:/cb",
        ] {
            assert_eq!(oddity(text), None, "{text}");
        }
    }
}
