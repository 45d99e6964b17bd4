//! How records are written: a head of fields that scripts can read, then JSON.
//!
//! ```text
//! login     1|<version>|{…}
//! code      1|F|<grant id>|{…}
//!   claimed 1|C|<grant id>|<claim>|<presenter>|{…}
//!   used    1|U|<grant id>|
//! device    1|W|<user code>|<interval>|<remembered for>|{…}
//!   approved 1|A|<user code>|<interval>|<remembered for>|
//!   denied  1|D|<user code>|<interval>|<remembered for>|
//! refreshed 1|S|{…}
//!   asked    1|A|<holder>
//! counter   1|<count>|
//! ```
//!
//! A user code's entry is the name of its device, and `paced` of a device is there while a poll comes
//! too soon.
//!
//! Beside them a tenant has lists, sorted by the end of their entries: `auths` of `<bytes>:<id>` with
//! the counter `auths:bytes`, `codes` of fresh ones, `devices`, `counts`. They bound what strangers can
//! store.
//!
//! The first byte is the version of the form. When a record ends the server alone knows, by the
//! lifetime of its key; the lists are sorted by the server's time too.

use insula_model::{AuthRequest, CodeGrant, DeviceRequest, Login};
use insula_store::{RefreshTurn, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cause::failed;

pub(crate) const LOGIN: &str = "auth request";
pub(crate) const CODE: &str = "code";
pub(crate) const DEVICE: &str = "device request";
pub(crate) const REFRESHED: &str = "refreshed login";
pub(crate) const COUNTER: &str = "counter";

pub(crate) fn login(request: &AuthRequest) -> Result<Vec<u8>, StoreError> {
    write(format!("1|{}|", request.version), request)
}

pub(crate) fn read_login(record: &[u8]) -> Result<AuthRequest, StoreError> {
    let [_, rest] = fields(LOGIN, record)?;
    read(LOGIN, rest)
}

pub(crate) fn code(grant: &CodeGrant) -> Result<Vec<u8>, StoreError> {
    write(format!("1|F|{}|", grant.grant_id), grant)
}

/// The grant of a code, or `None` if the code is used up.
pub(crate) fn read_code(record: &[u8]) -> Result<Option<CodeGrant>, StoreError> {
    let [state, _, rest] = fields(CODE, record)?;
    match state {
        b"F" => read_grant(rest).map(Some),
        b"C" => {
            let [_, _, _, _, json] = fields(CODE, record)?;
            read_grant(json).map(Some)
        }
        b"U" => Ok(None),
        _ => Err(corrupt(CODE, "it is neither fresh nor claimed nor used")),
    }
}

/// The JSON of a code's grant.
pub(crate) fn read_grant(json: &[u8]) -> Result<CodeGrant, StoreError> {
    read(CODE, json)
}

/// A device that waits and was not polled yet. `remembered_for` is in milliseconds.
pub(crate) fn device(
    request: &DeviceRequest,
    user_code: &str,
    remembered_for: u64,
) -> Result<Vec<u8>, StoreError> {
    write(format!("1|W|{user_code}|0|{remembered_for}|"), request)
}

/// The JSON of what a device asked for.
pub(crate) fn read_device(json: &[u8]) -> Result<DeviceRequest, StoreError> {
    read(DEVICE, json)
}

pub(crate) fn refreshed(login: &Login) -> Result<Vec<u8>, StoreError> {
    write("1|S|".into(), login)
}

/// Somebody asks the upstream.
pub(crate) fn asking(holder: &str) -> Vec<u8> {
    format!("1|A|{holder}").into_bytes()
}

/// What stands in the way of asking.
pub(crate) fn read_turn(record: &[u8]) -> Result<RefreshTurn, StoreError> {
    let [state, rest] = fields(REFRESHED, record)?;
    match state {
        b"A" => Ok(RefreshTurn::Busy),
        b"S" => read(REFRESHED, rest).map(|login| RefreshTurn::Kept(Box::new(login))),
        _ => Err(corrupt(REFRESHED, STRANGE_HEAD)),
    }
}

/// The events of a counter.
pub(crate) fn read_counter(record: &[u8]) -> Result<u64, StoreError> {
    let [count, _] = fields(COUNTER, record)?;
    let count = std::str::from_utf8(count).ok().and_then(|c| c.parse().ok());
    count.ok_or_else(|| corrupt(COUNTER, "it is no number"))
}

/// A record whose form is not one this version writes.
pub(crate) fn corrupt(what: &'static str, cause: impl Into<String>) -> StoreError {
    StoreError::Corrupt {
        what,
        cause: cause.into(),
    }
}

pub(crate) const STRANGE_HEAD: &str = "its head is not one this version writes";

fn write(head: String, value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    let mut record = head.into_bytes();
    serde_json::to_writer(&mut record, value)
        .map_err(|_| failed("a record has no form in JSON"))?;
    Ok(record)
}

/// The fields after the version; the last is all that is left.
fn fields<'a, const N: usize>(
    what: &'static str,
    record: &'a [u8],
) -> Result<[&'a [u8]; N], StoreError> {
    let mut parts = record.splitn(N + 1, |byte| *byte == b'|');
    if parts.next() != Some(b"1") {
        return Err(corrupt(what, STRANGE_HEAD));
    }
    let parts: Vec<&[u8]> = parts.collect();
    parts.try_into().map_err(|_| corrupt(what, STRANGE_HEAD))
}

fn read<T: DeserializeOwned>(what: &'static str, json: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(json).map_err(|error| {
        // The error's own words may repeat a value.
        let place = error.column();
        corrupt(what, format!("its JSON is not as expected at byte {place}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_read_as_scripts_write_it() {
        assert_eq!(read_counter(b"1|7|").unwrap(), 7);
    }

    #[test]
    fn what_another_version_wrote_is_told_as_corrupt() {
        for record in [&b""[..], b"2|{}", b"{}", b"1", b"1|F|x"] {
            let read = read_code(record);
            assert!(matches!(read, Err(StoreError::Corrupt { what: CODE, .. })));
        }
        assert!(read_counter(b"1|many|").is_err());
    }

    /// As the version before wrote it, at each of its stages.
    #[test]
    fn a_login_of_the_former_version_is_told_as_corrupt_and_never_read_as_another() {
        let request = r#""request":{"client_id":"app","redirect_uri":"https://app.test/cb","response_type":{"code":true,"id_token":false,"token":false},"response_mode":"query","scopes":"openid"}"#;
        let head = r#""id":"abcdefghijklmnopqrstuvwxy","version":1"#;
        let new = format!("1|1|{{{head},{request},\"browser\":null,\"created_at\":1000}}");
        let read = read_login(new.as_bytes());
        assert!(read.is_ok(), "{read:?}");
        for stage in [
            r#"{"at":"awaiting_upstream","connector_id":"mock","memory":{"nonce":"n"}}"#,
            r#"{"at":"awaiting_password","connector_id":"local"}"#,
            r#"{"at":"authenticated","login":{"connector_id":"mock"}}"#,
        ] {
            let old = format!("{},\"stage\":{stage}}}", new.trim_end_matches('}'));
            let read = read_login(old.as_bytes());
            assert!(
                matches!(read, Err(StoreError::Corrupt { what: LOGIN, .. })),
                "{read:?}"
            );
        }
    }

    #[test]
    fn what_is_wrong_with_a_record_is_told_without_its_values() {
        let error = read_turn(br#"1|S|{"claims": "s3cret value"}"#).unwrap_err();
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}
