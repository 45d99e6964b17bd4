use std::fmt;

use picky_krb::data_types::{KerberosStringAsn1, PrincipalName};

/// Somebody or something that a realm knows: `jane@ACME.EXAMPLE`, `HTTP/login.acme.example@ACME.EXAMPLE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The parts of the name, with `/` between them.
    pub name: String,
    /// The realm; of one that was configured it may be empty, for any.
    pub realm: String,
}

impl Principal {
    /// Reads one as it is written in settings, with or without a realm.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, realm) = match text.rsplit_once('@') {
            Some((_, "")) => return None,
            Some((name, realm)) => (name, realm),
            None => (text, ""),
        };
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || c == '@';
        let is_whole = !name.is_empty() && name.split('/').all(|part| !part.is_empty());
        (is_whole && !name.contains(is_odd) && !realm.contains(is_odd)).then(|| Self {
            name: name.to_owned(),
            realm: realm.to_owned(),
        })
    }

    pub(crate) fn of(name: &PrincipalName, realm: &KerberosStringAsn1) -> Self {
        let parts = name.name_string.0.0.iter();
        let parts: Vec<_> = parts.map(|part| part.0.to_string()).collect();
        Self {
            name: parts.join("/"),
            realm: realm.0.to_string(),
        }
    }

    /// Whether this, as it was configured, names the other. Directories know hosts and services in any
    /// case, and clients write the kind of a name (RFC 4120 §6.2) as they like.
    pub(crate) fn names(&self, other: &Self) -> bool {
        self.name.eq_ignore_ascii_case(&other.name)
            && (self.realm.is_empty() || self.realm.eq_ignore_ascii_case(&other.realm))
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.realm.is_empty() {
            return Ok(());
        }
        write!(f, "@{}", self.realm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configured_name_is_whole_and_means_the_same_in_any_case() {
        let ticket = Principal {
            name: "HTTP/login.acme.test".to_owned(),
            realm: "ACME.TEST".to_owned(),
        };
        for (text, is_it) in [
            ("HTTP/login.acme.test", true),
            ("http/LOGIN.acme.test", true),
            ("HTTP/login.acme.test@ACME.TEST", true),
            ("HTTP/login.acme.test@acme.test", true),
            ("HTTP/login.acme.test@OTHER.TEST", false),
            ("HTTP/login.acme.tes", false),
            ("HTTP", false),
        ] {
            let configured = Principal::parse(text).unwrap();
            assert_eq!(configured.names(&ticket), is_it, "{text}");
            assert_eq!(configured.to_string(), text);
        }
        for odd in ["", "@ACME", "HTTP/", "/x", "HTTP//x", "a b", "x@", "a@b@C"] {
            assert_eq!(Principal::parse(odd), None, "{odd}");
        }
    }
}
