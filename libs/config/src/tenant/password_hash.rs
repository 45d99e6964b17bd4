use std::sync::LazyLock;

use data_encoding::{BASE64_NOPAD, Encoding, Specification};
use insula_ambient::read_base64;
use insula_model::{Argon2Cost, PasswordHashCost};

/// Base64 in the order of letters that bcrypt has.
static BCRYPT_BASE64: LazyLock<Option<Encoding>> = LazyLock::new(|| {
    let mut bcrypt = Specification::new();
    let letters = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    bcrypt.symbols.push_str(letters);
    bcrypt.encoding().ok()
});

/// Reads a password hash: bcrypt text, base64 of it (dex), or an argon2id PHC string (ours). `Err`
/// says what is wrong and never what was read.
pub(super) fn parse(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.starts_with('$') {
        return checked(text).map(|()| text.to_owned());
    }
    let decoded = read_base64(text)
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .filter(|text| text.starts_with('$'))
        .ok_or("begins with no $ and is not base64 of something that does")?;
    checked(decoded.trim()).map(|()| decoded.trim().to_owned())
}

fn checked(text: &str) -> Result<(), String> {
    match text.split('$').nth(1) {
        Some("2a" | "2b" | "2y") => bcrypt(text),
        Some("argon2id") => argon2id(text),
        Some(
            kind @ ("2x" | "argon2i" | "argon2d" | "1" | "5" | "6" | "scrypt" | "pbkdf2-sha256"),
        ) => Err(format!("is of kind {kind}, which is not taken")),
        _ => Err("is neither bcrypt nor argon2id".to_owned()),
    }
}

/// `$2b$12$` and 53 characters: 22 of salt, 31 of hash.
fn bcrypt(text: &str) -> Result<(), String> {
    let mut parts = text.split('$').skip(2);
    let cost: u32 = parts
        .next()
        .filter(|cost| cost.len() == 2)
        .and_then(|cost| cost.parse().ok())
        .ok_or("is bcrypt without a cost")?;
    affordable(PasswordHashCost::Bcrypt(cost))?;
    let is_of = |part: Option<&str>, bytes: usize| {
        let base64 = BCRYPT_BASE64.as_ref();
        let decoded = part.and_then(|part| base64?.decode(part.as_bytes()).ok());
        decoded.is_some_and(|decoded| decoded.len() == bytes)
    };
    let body = parts.next().unwrap_or_default();
    let is_whole = is_of(body.get(..22), 16) && is_of(body.get(22..), 23);
    if is_whole && parts.next().is_none() {
        Ok(())
    } else {
        Err("is bcrypt cut short or grown".to_owned())
    }
}

/// What a login would compute, no more and no less.
fn affordable(cost: PasswordHashCost) -> Result<(), String> {
    cost.check().map_err(|why| why.to_string())
}

/// `$argon2id$v=19$m=19456,t=2,p=1$salt$hash` (PHC string format).
fn argon2id(text: &str) -> Result<(), String> {
    let parts: Vec<&str> = text.split('$').skip(2).collect();
    let [version, params, salt, hash] = parts.as_slice() else {
        return Err("is argon2id with a part too few or too many".to_owned());
    };
    if *version != "v=19" {
        return Err("is argon2id of another version than 19".to_owned());
    }
    let mut values = Vec::new();
    for (param, name) in params.split(',').zip(["m=", "t=", "p="]) {
        let value = param.strip_prefix(name);
        let value = value.ok_or("is argon2id without m, t and p in this order")?;
        let value: u32 = value
            .parse()
            .map_err(|_| "is argon2id with a parameter that is no number")?;
        values.push(value);
    }
    let [memory_kib, passes, lanes] = values.as_slice() else {
        return Err("is argon2id without m, t and p in this order".to_owned());
    };
    if params.split(',').count() > 3 {
        return Err("is argon2id with a parameter other than m, t and p".to_owned());
    }
    affordable(PasswordHashCost::Argon2id(Argon2Cost {
        memory_kib: *memory_kib,
        passes: *passes,
        lanes: *lanes,
    }))?;
    // What the library that computes them reads: salts of 8 to 48 bytes, hashes of 10 to 64.
    let is_b64 = |part: &str, bytes: std::ops::RangeInclusive<usize>| {
        let decoded = BASE64_NOPAD.decode(part.as_bytes());
        decoded.is_ok_and(|decoded| bytes.contains(&decoded.len()))
    };
    if !is_b64(salt, 8..=48) || !is_b64(hash, 10..=64) {
        return Err("is argon2id with a broken salt or hash".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;

    use super::*;

    const BCRYPT: &str = "$2a$10$2b2cU8CPhOTaGrs1HRQuAueS7JTT5ZHsHSzYiFPm1leZck7Mc8T4W";
    const ARGON: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA";

    #[test]
    fn bcrypt_is_taken_raw_and_as_base64_and_with_the_y_of_php() {
        assert_eq!(parse(BCRYPT).as_deref(), Ok(BCRYPT));
        assert_eq!(
            parse(&BASE64.encode(BCRYPT.as_bytes())).as_deref(),
            Ok(BCRYPT)
        );
        assert!(parse(&BCRYPT.replace("$2a", "$2y")).is_ok());
    }

    #[test]
    fn argon2id_is_taken_within_what_a_login_may_cost() {
        assert_eq!(parse(ARGON).as_deref(), Ok(ARGON));
        assert!(parse(&ARGON.replace("19456", "99999999")).is_err());
    }

    #[test]
    fn a_malformed_hash_is_refused_without_being_said() {
        for bad in [
            "password",
            "",
            "$1$abc$def",
            &BCRYPT[..59],
            // Bits left over after the salt, and after the hash.
            &BCRYPT.replace("QuAueS", "QuAveS"),
            &BCRYPT.replace("8T4W", "8T4X"),
            &BCRYPT.replace("$10$", "$31$"),
            &BCRYPT.replace("$10$", "$$"),
            &ARGON.replace("v=19", "v=16"),
            &ARGON.replace(",p=1", ""),
            &ARGON.replace("argon2id", "argon2i"),
        ] {
            let why = parse(bad).unwrap_err();
            assert!(bad.is_empty() || !why.contains(bad), "{bad}: {why}");
        }
    }
}
