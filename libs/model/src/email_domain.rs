use url::Host;

/// No mail address is longer (RFC 5321 §4.5.3.1.3, without the angle brackets).
pub const LONGEST_ADDRESS: usize = 254;

/// The domain of a mail address as the DNS has it: in lower case, international names in their ASCII
/// form. `None` for what is no address.
///
/// Nothing is looked up, and a domain says nothing of whether somebody has the address.
///
/// ```
/// use insula_model::email_domain;
/// assert_eq!(email_domain("Jane@Acme.Example").as_deref(), Some("acme.example"));
/// assert_eq!(email_domain("jane"), None);
/// ```
pub fn email_domain(text: &str) -> Option<String> {
    let is_odd = |c: char| c.is_whitespace() || c.is_control();
    let (person, domain) = text.rsplit_once('@')?;
    if text.len() > LONGEST_ADDRESS || person.is_empty() || text.contains(is_odd) {
        return None;
    }
    // A host of a URL may be percent-encoded, a mail domain not.
    if domain.contains('%') {
        return None;
    }
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    match Host::parse(domain).ok()? {
        Host::Domain(domain) => domain.bytes().all(is_plain).then_some(domain),
        Host::Ipv4(_) | Host::Ipv6(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_the_domain_behind_its_last_at_sign() {
        for (text, domain) in [
            ("jane@acme.example", Some("acme.example")),
            ("JANE@ACME.Example", Some("acme.example")),
            ("\"a@b\"@acme.example", Some("acme.example")),
            ("jane@mail.acme.example", Some("mail.acme.example")),
            ("jürgen@bücher.example", Some("xn--bcher-kva.example")),
            ("jane@xn--bcher-kva.example", Some("xn--bcher-kva.example")),
            ("jane@acme.example.", Some("acme.example.")),
        ] {
            assert_eq!(email_domain(text).as_deref(), domain, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_has_no_domain() {
        let long = format!("{}@acme.example", "a".repeat(LONGEST_ADDRESS));
        for text in [
            "",
            "jane",
            "@acme.example",
            "jane@",
            "jane doe@acme.example",
            "jane@acme.example\r\nBcc: eve@evil.example",
            "jane@acme.example/path",
            "jane@acme%2Eexample",
            "jane@[127.0.0.1]",
            "jane@127.0.0.1",
            "jane@127.1",
            "jane@*",
            "jane@*.acme.example",
            long.as_str(),
        ] {
            assert_eq!(email_domain(text), None, "{text}");
        }
    }
}
