use insula_secret::Secret;
use thiserror::Error;

use crate::Principal;

/// What a keytab of the format in use begins with; an older one depends on the machine it was made on.
const MAGIC: [u8; 2] = [5, 2];

/// More keys than a service has, so that a ticket costs a bounded number of attempts.
const MOST_KEYS: usize = 256;

/// Why a keytab cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeytabError {
    /// It is something else.
    #[error("is not a keytab (its first bytes are not 05 02)")]
    Other,
    /// It ends too early, or lengths in it are wrong.
    #[error("is a keytab that is cut off or broken")]
    Broken,
    /// It has no keys.
    #[error("is a keytab without keys")]
    Empty,
    /// It has very many keys.
    #[error("is a keytab with more than 256 keys; leave in it those of this service")]
    TooMany,
}

/// The keys of a service, by which it opens the tickets that are for it.
///
/// In the [format of MIT Kerberos](https://web.mit.edu/kerberos/krb5-devel/doc/formats/keytab_file_format.html),
/// which every tool writes.
#[derive(Debug, Clone)]
pub struct Keytab {
    pub(crate) keys: Vec<Key>,
}

#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) of: Principal,
    /// Zero for any, as some tools write it.
    pub(crate) version: u32,
    pub(crate) kind: u32,
    pub(crate) value: Secret<[u8]>,
}

impl Keytab {
    /// Whether bytes look like one.
    pub fn is_one(bytes: &[u8]) -> bool {
        bytes.starts_with(&MAGIC)
    }

    /// Reads one.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeytabError> {
        let mut rest = bytes.strip_prefix(&MAGIC).ok_or(KeytabError::Other)?;
        let mut keys = Vec::new();
        while !rest.is_empty() {
            let length = i32::from_be_bytes(array(&mut rest)?);
            let entry = take(&mut rest, length.unsigned_abs() as usize)?;
            match length {
                // What follows is what the file system left there.
                0 => break,
                // The place of a key that was taken out.
                i32::MIN..0 => {}
                _ => keys.push(key(entry)?),
            }
            if keys.len() > MOST_KEYS {
                return Err(KeytabError::TooMany);
            }
        }
        if keys.is_empty() {
            return Err(KeytabError::Empty);
        }
        Ok(Self { keys })
    }

    /// Whether it has keys of this principal.
    pub fn has_keys_of(&self, principal: &Principal) -> bool {
        self.keys.iter().any(|key| principal.names(&key.of))
    }

    /// Whose keys it has, each once.
    pub fn principals(&self) -> Vec<String> {
        let mut all: Vec<_> = self.keys.iter().map(|key| key.of.to_string()).collect();
        all.dedup();
        all
    }
}

fn key(mut entry: &[u8]) -> Result<Key, KeytabError> {
    let parts = u16::from_be_bytes(array(&mut entry)?);
    let realm = text(&mut entry)?;
    let names: Result<Vec<_>, _> = (0..parts).map(|_| text(&mut entry)).collect();
    // The kind of the name, and when it was written.
    take(&mut entry, 8)?;
    let [short] = array(&mut entry)?;
    let kind = u16::from_be_bytes(array(&mut entry)?);
    let value = counted(&mut entry)?.to_vec();
    // Versions above 255 stand behind the key.
    let long = array(&mut entry).map_or(0, u32::from_be_bytes);
    Ok(Key {
        of: Principal {
            name: names?.join("/"),
            realm,
        },
        version: if long == 0 { short.into() } else { long },
        kind: kind.into(),
        value: value.into(),
    })
}

fn text(from: &mut &[u8]) -> Result<String, KeytabError> {
    let bytes = counted(from)?.to_vec();
    String::from_utf8(bytes).map_err(|_| KeytabError::Broken)
}

fn counted<'b>(from: &mut &'b [u8]) -> Result<&'b [u8], KeytabError> {
    let length = u16::from_be_bytes(array(from)?);
    take(from, length.into())
}

fn array<const N: usize>(from: &mut &[u8]) -> Result<[u8; N], KeytabError> {
    let (head, tail) = from.split_first_chunk().ok_or(KeytabError::Broken)?;
    *from = tail;
    Ok(*head)
}

fn take<'b>(from: &mut &'b [u8], length: usize) -> Result<&'b [u8], KeytabError> {
    let (head, tail) = from.split_at_checked(length).ok_or(KeytabError::Broken)?;
    *from = tail;
    Ok(head)
}

#[cfg(test)]
mod tests;
