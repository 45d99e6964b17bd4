use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Reads a password hash: bcrypt text, base64 of it (dex), or an argon2id PHC string (ours). `Err`
/// says what is wrong and never what was read.
pub(super) fn parse(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.starts_with('$') {
        return checked(text).map(|()| text.to_owned());
    }
    let decoded = STANDARD
        .decode(text)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .filter(|text| text.starts_with('$'))
        .ok_or("begins with no $ and is not base64 of something that does")?;
    checked(decoded.trim()).map(|()| decoded.trim().to_owned())
}

fn checked(text: &str) -> Result<(), String> {
    match text.split('$').nth(1) {
        Some("2a" | "2b" | "2x" | "2y") => bcrypt(text),
        Some("argon2id") => argon2id(text),
        Some(kind @ ("argon2i" | "argon2d" | "1" | "5" | "6" | "scrypt" | "pbkdf2-sha256")) => {
            Err(format!("is of kind {kind}, which is not taken"))
        }
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
    // Below 4 and above 31 bcrypt is not defined; above 16 one login would take many seconds.
    if !(4..=16).contains(&cost) {
        return Err(format!("is bcrypt of cost {cost}, but 4 to 16 are taken"));
    }
    let is_letter = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'/';
    let body = parts.next().unwrap_or_default();
    let is_whole = body.len() == 53 && body.bytes().all(is_letter) && parts.next().is_none();
    if is_whole {
        Ok(())
    } else {
        Err("is bcrypt cut short or grown".to_owned())
    }
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
    let mut names = Vec::new();
    for param in params.split(',') {
        let (name, value) = param.split_once('=').unwrap_or((param, ""));
        let value: u32 = value
            .parse()
            .map_err(|_| "is argon2id with a parameter that is no number")?;
        // What one login may cost this machine.
        let most = match name {
            "m" => 1024 * 1024,
            "t" => 64,
            "p" => 16,
            _ => return Err("is argon2id with a parameter other than m, t and p".to_owned()),
        };
        if value == 0 || value > most {
            return Err(format!("is argon2id with {name} beyond 1 to {most}"));
        }
        names.push(name);
    }
    let is_b64 = |part: &str| {
        part.len() >= 11
            && part.len() <= 172
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
    };
    if names != ["m", "t", "p"] {
        return Err("is argon2id without m, t and p in this order".to_owned());
    }
    if !is_b64(salt) || !is_b64(hash) {
        return Err("is argon2id with a broken salt or hash".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BCRYPT: &str = "$2a$10$2b2cU8CPhOTaGrs1HRQuAueS7JTT5ZHsHSzYiFPm1leZck7Mc8T4W";
    const ARGON: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA";

    #[test]
    fn bcrypt_is_taken_raw_and_as_base64_and_with_the_y_of_php() {
        assert_eq!(parse(BCRYPT).as_deref(), Ok(BCRYPT));
        assert_eq!(parse(&STANDARD.encode(BCRYPT)).as_deref(), Ok(BCRYPT));
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
