use std::borrow::Cow;
use std::fmt::Write as _;

use data_encoding::HEXLOWER;
use ldap3::{SearchEntry, ldap_escape};
use uuid::Uuid;

/// Whether an attribute's name stands for the entry's own name, as dex has it.
pub(super) fn is_dn(attribute: &str) -> bool {
    attribute.eq_ignore_ascii_case("dn")
}

/// Whether only a search for the entry itself gets an attribute: the SIDs of all groups a person is in,
/// by way of others and by their primary group, too ([MS-ADTS] 3.1.1.4.5.19).
pub(super) fn is_constructed(attribute: &str) -> bool {
    let all = [
        "tokenGroups",
        "tokenGroupsGlobalAndUniversal",
        "tokenGroupsNoGCAcceptable",
    ];
    all.iter().any(|name| name.eq_ignore_ascii_case(attribute))
}

/// What a directory says of one entry. Attributes are found without regard to case (RFC 4512 §2.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) dn: String,
    attributes: Vec<(String, Vec<Vec<u8>>)>,
}

impl From<SearchEntry> for Entry {
    fn from(entry: SearchEntry) -> Self {
        let texts = entry.attrs.into_iter().map(|(name, values)| {
            let values = values.into_iter().map(String::into_bytes).collect();
            (name, values)
        });
        let attributes = texts.chain(entry.bin_attrs);
        Self {
            dn: entry.dn,
            attributes: attributes.collect(),
        }
    }
}

impl Entry {
    #[cfg(test)]
    pub(super) fn of(dn: &str, attributes: &[(&str, &[&str])]) -> Self {
        let values = |values: &[&str]| values.iter().map(|v| v.as_bytes().to_vec()).collect();
        let attributes = attributes.iter();
        Self {
            dn: dn.to_owned(),
            attributes: attributes
                .map(|(name, many)| ((*name).to_owned(), values(many)))
                .collect(),
        }
    }

    /// All values of an attribute; of `DN`, the entry's name.
    pub(super) fn values(&self, attribute: &str) -> Vec<&[u8]> {
        if is_dn(attribute) {
            return vec![self.dn.as_bytes()];
        }
        let named = self
            .attributes
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(attribute));
        named
            .flat_map(|(_, values)| values.iter().map(Vec::as_slice))
            .filter(|value| !value.is_empty())
            .collect()
    }

    /// The values that are texts.
    pub(super) fn texts(&self, attribute: &str) -> impl Iterator<Item = &str> {
        let values = self.values(attribute).into_iter();
        values.filter_map(|value| str::from_utf8(value).ok())
    }

    /// Adds what another search told of the same entry.
    pub(super) fn add(&mut self, more: Self) {
        self.attributes.extend(more.attributes);
    }

    /// An attribute that came in part, as `member;range=0-1499` of Active Directory: its name, and
    /// what to ask for next.
    pub(super) fn unfinished(&self) -> Option<(String, String)> {
        self.attributes.iter().find_map(|(name, _)| {
            let (base, upper) = range(name)?;
            let next = upper?.checked_add(1)?;
            Some((base.to_owned(), format!("{base};range={next}-*")))
        })
    }

    /// Adds the rest of an attribute that came in part. Whether that was a step ahead.
    pub(super) fn take_more(&mut self, base: &str, more: Self) -> bool {
        let mut values = Vec::new();
        let mut is_finished = false;
        let mut rest = None;
        for (name, of_range) in more.attributes {
            match range(&name) {
                Some((of, upper)) if of.eq_ignore_ascii_case(base) => {
                    is_finished = upper.is_none();
                    rest = Some(name);
                    values = of_range;
                }
                _ => {}
            }
        }
        let had = self.attributes.iter().position(|(name, _)| {
            range(name).is_some_and(|(of, upper)| of.eq_ignore_ascii_case(base) && upper.is_some())
        });
        let Some(had) = had else {
            return false;
        };
        let (_, mut all) = self.attributes.swap_remove(had);
        let is_more = !values.is_empty();
        all.extend(values);
        let name = rest.filter(|_| !is_finished && is_more);
        self.attributes
            .push((name.unwrap_or_else(|| base.to_owned()), all));
        is_more
    }
}

/// The parts of `member;range=0-1499`; the last range ends in `*`.
fn range(name: &str) -> Option<(&str, Option<u32>)> {
    let (base, option) = name.split_once(';')?;
    let (word, bounds) = option.split_once('=')?;
    let (_, upper) = bounds.split_once('-')?;
    if !word.eq_ignore_ascii_case("range") {
        return None;
    }
    match upper {
        "*" => Some((base, None)),
        _ => Some((base, Some(upper.parse().ok()?))),
    }
}

/// A value as it stands in a filter (RFC 4515 §3), inserted once and escaped once.
pub(super) fn asserted(value: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(value) {
        Ok(text) => ldap_escape(text),
        Err(_) => value
            .iter()
            .fold(String::new(), |mut all, octet| {
                let _ = write!(all, "\\{octet:02x}");
                all
            })
            .into(),
    }
}

/// The value of an id attribute as a text that stays the same. Binary ids are written as their vendor
/// writes them: Active Directory keeps the first parts of a GUID the other way round than eDirectory.
pub(super) fn id_text(attribute: &str, value: &[u8]) -> String {
    let as_guid = <[u8; 16]>::try_from(value);
    let named = |name: &str| attribute.eq_ignore_ascii_case(name);
    match (as_guid, str::from_utf8(value)) {
        (Ok(guid), _) if named("objectGUID") => Uuid::from_bytes_le(guid).to_string(),
        (Ok(guid), _) if named("GUID") => Uuid::from_bytes(guid).to_string(),
        (_, Ok(text)) if !text.contains(char::is_control) => text.to_owned(),
        _ if named("objectSid") => sid(value).unwrap_or_else(|| HEXLOWER.encode(value)),
        (Ok(guid), _) => Uuid::from_bytes(guid).to_string(),
        _ => HEXLOWER.encode(value),
    }
}

/// A security identifier of Active Directory in its usual form, `S-1-5-…`.
fn sid(value: &[u8]) -> Option<String> {
    let (head, parts) = value.split_at_checked(8)?;
    let (&revision, rest) = head.split_first()?;
    let (&count, authority) = rest.split_first()?;
    if parts.len() != usize::from(count) * 4 {
        return None;
    }
    let authority = authority
        .iter()
        .fold(0_u64, |all, b| all << 8 | u64::from(*b));
    let mut text = format!("S-{revision}-{authority}");
    for part in parts.chunks_exact(4) {
        let part = u32::from_le_bytes(part.try_into().ok()?);
        let _ = write!(text, "-{part}");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_in_any_case_and_dn_is_the_name() {
        let jane = Entry::of("cn=jane", &[("Mail", &["j@acme.test"]), ("x", &[""])]);
        assert_eq!(jane.texts("mAIL").collect::<Vec<_>>(), ["j@acme.test"]);
        assert_eq!(jane.texts("dn").collect::<Vec<_>>(), ["cn=jane"]);
        assert_eq!(jane.values("x"), Vec::<&[u8]>::new());
        assert_eq!(jane.values("y"), Vec::<&[u8]>::new());
    }

    #[test]
    fn what_could_end_a_filter_is_escaped_once() {
        let cases: [(&[u8], &str); 6] = [
            (b"jane", "jane"),
            (b"*", "\\2a"),
            (b"*)(uid=admin", "\\2a\\29\\28uid=admin"),
            (b"back\\slash, (x)", "back\\5cslash, \\28x\\29"),
            ("j\u{f6}rg\0".as_bytes(), "j\u{f6}rg\\00"),
            (&[0xff, 0x28, 0x41], "\\ff\\28\\41"),
        ];
        for (value, expected) in cases {
            assert_eq!(asserted(value), expected);
            let filter = format!("(uid={})", asserted(value));
            assert!(ldap3::parse_filter(&filter).is_ok(), "{filter}");
        }
    }

    #[test]
    fn binary_ids_are_written_as_their_vendor_writes_them() {
        let guid: Vec<u8> = (0..16).collect();
        let mixed = "03020100-0504-0706-0809-0a0b0c0d0e0f";
        let straight = "00010203-0405-0607-0809-0a0b0c0d0e0f";
        let sid = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0];
        let cases: [(&str, &[u8], &str); 7] = [
            ("objectguid", &guid, mixed),
            (
                "objectGUID",
                b"0123456789abcdef",
                "33323130-3534-3736-3839-616263646566",
            ),
            ("GUID", &guid, straight),
            ("other", &guid, straight),
            ("objectSid", &sid, "S-1-5-32-544"),
            ("objectSid", &[0xff], "ff"),
            ("uid", "j\u{f6}rg".as_bytes(), "j\u{f6}rg"),
        ];
        for (attribute, value, expected) in cases {
            assert_eq!(id_text(attribute, value), expected, "{attribute}");
        }
    }

    #[test]
    fn an_attribute_in_parts_is_put_together() {
        let mut group = Entry::of("cn=g", &[("member;range=0-1", &["a", "b"])]);
        let (base, next) = group.unfinished().unwrap();
        assert_eq!(
            (base.as_str(), next.as_str()),
            ("member", "member;range=2-*")
        );
        let part = Entry::of("cn=g", &[("member;Range=2-3", &["c", "d"])]);
        assert!(group.take_more("member", part));
        let (_, next) = group.unfinished().unwrap();
        assert_eq!(next, "member;range=4-*");
        let last = Entry::of("cn=g", &[("member;range=4-*", &["e"])]);
        assert!(group.take_more("member", last));
        assert_eq!(group.unfinished(), None);
        let all: Vec<_> = group.texts("member").collect();
        assert_eq!(all, ["a", "b", "c", "d", "e"]);
    }

    #[test]
    fn a_part_that_never_comes_is_not_asked_for_again() {
        let mut group = Entry::of("cn=g", &[("member;range=0-1", &["a", "b"])]);
        assert!(!group.take_more("member", Entry::of("cn=g", &[])));
        assert_eq!(group.unfinished(), None);
        assert_eq!(group.texts("member").count(), 2);
    }
}
