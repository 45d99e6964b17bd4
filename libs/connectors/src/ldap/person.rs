use insula_model::{IdentityClaims, UserId};
use ldap3::Scope;

use super::account;
use super::entry::{Entry, asserted, id_text, is_dn};
use super::trouble::Trouble;

/// How people are found, and what is read of them.
#[derive(Debug, Clone)]
pub(super) struct PersonRules {
    pub(super) base: String,
    pub(super) scope: Scope,
    /// What every person's entry fits; empty for any.
    pub(super) filter: String,
    /// The attributes that may hold what a person types.
    pub(super) usernames: Vec<String>,
    pub(super) id_attr: String,
    pub(super) email: Email,
    pub(super) name_attr: Option<String>,
    pub(super) preferred_username_attr: Option<String>,
}

/// Where an e-mail address comes from.
#[derive(Debug, Clone)]
pub(super) enum Email {
    /// An attribute.
    Of(String),
    /// The name, at this domain.
    At(String),
}

impl PersonRules {
    /// Finds whom a typed name leads to.
    pub(super) fn filter_by_name(&self, typed: &str) -> String {
        let value = asserted(typed.as_bytes());
        let each = self.usernames.iter();
        let each: Vec<_> = each.map(|name| format!("({name}={value})")).collect();
        let any = match each.as_slice() {
            [one] => one.clone(),
            many => format!("(|{})", many.concat()),
        };
        narrowed(&self.filter, &any)
    }

    /// Finds a person again; nobody is found by a DN.
    pub(super) fn filter_by_id(&self, id: &[u8]) -> Option<String> {
        if is_dn(&self.id_attr) {
            return None;
        }
        let one = format!("({}={})", self.id_attr, asserted(id));
        Some(narrowed(&self.filter, &one))
    }

    /// What is to be asked for, with what groups are found by.
    pub(super) fn attributes<'a>(&'a self, more: impl Iterator<Item = &'a str>) -> Vec<String> {
        let email = match &self.email {
            Email::Of(attribute) => Some(attribute.as_str()),
            Email::At(_) => None,
        };
        let own = [Some(self.id_attr.as_str()), email];
        let optional = [
            self.name_attr.as_deref(),
            self.preferred_username_attr.as_deref(),
        ];
        let all = own.into_iter().chain(optional).flatten();
        let all = all.chain(self.usernames.iter().map(String::as_str));
        let all = all.chain(account::ATTRIBUTES.iter().copied());
        wanted(all.chain(more))
    }

    /// The id as the directory holds it.
    pub(super) fn raw_id<'e>(&self, entry: &'e Entry) -> Option<&'e [u8]> {
        entry.values(&self.id_attr).first().copied()
    }

    /// Who an entry is. What it lacks is told by the names of the attributes.
    pub(super) fn claims(
        &self,
        entry: &Entry,
        groups: Vec<String>,
    ) -> Result<IdentityClaims, Trouble> {
        let mut missing = Vec::new();
        let mut text = |attribute: &str| {
            let first = entry.texts(attribute).next().map(str::to_owned);
            if first.is_none() {
                missing.push(attribute.to_owned());
            }
            first.unwrap_or_default()
        };
        let name = self.name_attr.as_deref().map(&mut text);
        let preferred = self.preferred_username_attr.as_deref().map(&mut text);
        let email = match &self.email {
            Email::Of(attribute) => match mail_shaped(entry, attribute) {
                Some(address) => address,
                None => text(attribute),
            },
            Email::At(domain) => {
                let local = name.clone().unwrap_or_else(|| self.own_name(entry));
                format!("{local}@{domain}")
            }
        };
        let id = self.raw_id(entry).map(|id| id_text(&self.id_attr, id));
        if id.is_none() {
            missing.push(self.id_attr.clone());
        }
        if !missing.is_empty() {
            return Err(Trouble::Unusable(format!(
                "the person's entry lacks {}, which userSearch asks for",
                missing.join(", ")
            )));
        }
        let user_id = UserId::parse(id.unwrap_or_default()).map_err(|_| {
            Trouble::Unusable(format!(
                "the person's {} cannot be an id: it must be 1 to 255 printable characters",
                self.id_attr
            ))
        })?;
        Ok(IdentityClaims {
            username: name.unwrap_or_default(),
            preferred_username: preferred.unwrap_or_default(),
            email,
            // The directory is the authority for the addresses in it; dex says so, too.
            email_verified: true,
            groups,
            ..IdentityClaims::of(user_id)
        })
    }

    fn own_name(&self, entry: &Entry) -> String {
        let names = self.usernames.iter();
        let mut held = names.filter_map(|name| entry.texts(name).next());
        held.next().unwrap_or_default().to_owned()
    }
}

/// The first value that looks like an address: directories keep others in the same attribute.
fn mail_shaped(entry: &Entry, attribute: &str) -> Option<String> {
    let is_mail = |text: &&str| {
        let halves = text.split_once('@');
        let whole = |(local, domain): (&str, &str)| !local.is_empty() && !domain.is_empty();
        halves.is_some_and(whole) && !text.contains(char::is_whitespace)
    };
    entry.texts(attribute).find(is_mail).map(str::to_owned)
}

/// A filter and one of the configuration's.
pub(super) fn narrowed(by: &str, filter: &str) -> String {
    if by.is_empty() {
        filter.to_owned()
    } else {
        format!("(&{by}{filter})")
    }
}

/// The attributes to ask for, each once: no name stands for all of them, `1.1` for none
/// (RFC 4511 §4.5.1.8).
pub(super) fn wanted<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut wanted: Vec<String> = Vec::new();
    for name in names.filter(|name| !is_dn(name)) {
        if !wanted.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            wanted.push(name.to_owned());
        }
    }
    if wanted.is_empty() {
        wanted.push("1.1".to_owned());
    }
    wanted
}
