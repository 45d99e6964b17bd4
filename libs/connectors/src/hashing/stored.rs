use std::str::FromStr;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use insula_ambient::Entropy;
use insula_connector_kit::{ConnectorError, PasswordVerdict};
use insula_model::{
    Argon2Cost, NEW_PASSWORD_HASH, Password, PasswordHashCost, PasswordHashTooCostly,
};

/// From here on, in hundredths of a new hash, a computation is dear: long enough that a neighbour
/// would notice.
const DEAR: u64 = 800;

/// bcrypt looks at so many bytes of a password.
const BCRYPT_LENGTH: usize = 72;

/// Nobody's password, verified for people who do not exist, so that an unknown name takes as long
/// as a wrong password.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A hash that is nobody's and costs what `hash` costs to compute; `None` if that is not known.
/// Made up, because a real one would tell who guesses its password under a name that does not exist.
pub(crate) fn nobodys_like(hash: &str) -> Option<String> {
    if hash.starts_with("$2") {
        let costs = hash.get(..7).filter(|costs| costs.ends_with('$'))?;
        return Some(format!("{costs}{}", ".".repeat(53)));
    }
    let costs_of = |hash: &'_ str| hash.rmatch_indices('$').nth(1).map(|(at, _)| at);
    let costs = hash.get(..costs_of(hash)?)?;
    let rest = NOBODY.get(costs_of(NOBODY)?..)?;
    costs
        .starts_with("$argon2id$")
        .then(|| format!("{costs}{rest}"))
}

/// A new argon2id hash of a password, as a PHC string.
///
/// Takes some 40 ms of a processor: callers that serve others use
/// [`HashingPool`](crate::HashingPool) instead.
#[expect(
    clippy::expect_used,
    reason = "constant costs, a salt of 16 bytes and a password below 4 GiB are always accepted"
)]
pub fn hash_password(password: &Password, entropy: &dyn Entropy) -> String {
    let mut salt = [0_u8; 16];
    entropy.fill(&mut salt);
    let new = NEW_PASSWORD_HASH;
    let params =
        Params::new(new.memory_kib, new.passes, new.lanes, Some(32)).expect("the costs are valid");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_with_salt(password.reveal().as_bytes(), &salt)
        .expect("a salt of 16 bytes is valid")
        .to_string()
}

/// Whether `password` is what `hash` was made of; computes the hash, so it belongs on a pool.
pub(super) fn verify(
    password: &Password,
    hash: Option<&str>,
    entropy: &dyn Entropy,
) -> Result<PasswordVerdict, ConnectorError> {
    let Some(hash) = hash else {
        verify_argon2(password, NOBODY)?;
        return Ok(PasswordVerdict::Wrong);
    };
    let (right, outdated) = if hash.starts_with("$2") {
        let is_verified_whole = password.reveal().len() <= BCRYPT_LENGTH;
        (verify_bcrypt(password, hash)?, is_verified_whole)
    } else {
        verify_argon2(password, hash)?
    };
    if !right {
        return Ok(PasswordVerdict::Wrong);
    }
    let upgrade = outdated.then(|| hash_password(password, entropy));
    Ok(PasswordVerdict::Right { upgrade })
}

/// Whether it is right, and whether a newer hash would be better.
fn verify_argon2(password: &Password, hash: &str) -> Result<(bool, bool), ConnectorError> {
    let parsed = PasswordHash::new(hash).map_err(|_| unreadable())?;
    let algorithm = Algorithm::new(parsed.algorithm.as_str()).map_err(|_| unreadable())?;
    let params = Params::try_from(&parsed).map_err(|_| unreadable())?;
    let version = parsed.version.map_or(Ok(Version::V0x13), Version::try_from);
    let version = version.map_err(|_| unreadable())?;
    if parsed.salt.is_none() || parsed.hash.is_none() || algorithm != Algorithm::Argon2id {
        return Err(unreadable());
    }
    let cost = argon2_cost(&params);
    affordable(PasswordHashCost::Argon2id(cost))?;
    let new = NEW_PASSWORD_HASH;
    let outdated = cost.memory_kib < new.memory_kib || cost.passes < new.passes;
    let right = Argon2::new(algorithm, version, params)
        .verify_password(password.reveal().as_bytes(), &parsed)
        .is_ok();
    Ok((right, outdated))
}

/// bcrypt as dex checks it: bytes beyond the 72nd do not count, so a hash made of all of a longer
/// password would be made of bytes that nobody checked. Such a login leaves the stored hash alone.
fn verify_bcrypt(password: &Password, hash: &str) -> Result<bool, ConnectorError> {
    let parts = bcrypt::HashParts::from_str(hash).map_err(|_| unreadable())?;
    let known = ["$2a$", "$2b$", "$2y$"]
        .iter()
        .any(|version| hash.starts_with(version));
    if !known {
        return Err(unreadable());
    }
    affordable(PasswordHashCost::Bcrypt(parts.get_cost()))?;
    bcrypt::verify(password.reveal(), hash).map_err(|_| unreadable())
}

/// Whether computing `hash` would hold a place so long that a neighbour notices.
pub(super) fn is_dear(hash: &str) -> bool {
    let cost = if hash.starts_with("$2") {
        let parts = bcrypt::HashParts::from_str(hash).ok();
        parts.map(|parts| PasswordHashCost::Bcrypt(parts.get_cost()))
    } else {
        let parsed = PasswordHash::new(hash).ok();
        let params = parsed.and_then(|parsed| Params::try_from(&parsed).ok());
        params.map(|params| PasswordHashCost::Argon2id(argon2_cost(&params)))
    };
    cost.is_some_and(|cost| cost.check().is_ok() && cost.work_in_hundredths() >= DEAR)
}

fn argon2_cost(params: &Params) -> Argon2Cost {
    Argon2Cost {
        memory_kib: params.m_cost(),
        passes: params.t_cost(),
        lanes: params.p_cost(),
    }
}

fn affordable(cost: PasswordHashCost) -> Result<(), ConnectorError> {
    cost.check().map_err(|why: PasswordHashTooCostly| {
        ConnectorError::Settings(format!(
            "a stored password hash {why}; set the password anew"
        ))
    })
}

fn unreadable() -> ConnectorError {
    ConnectorError::Settings(
        "a stored password hash is neither argon2id in PHC form nor bcrypt; set the password anew"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use insula_ambient::SeededEntropy;

    fn judge(password: &str, hash: &str) -> Result<PasswordVerdict, ConnectorError> {
        verify(&Password::new(password), Some(hash), &SeededEntropy::new(1))
    }

    #[test]
    fn nobodys_hash_costs_what_its_model_costs_and_has_no_password() {
        let bcrypt = "$2a$10$ug7CK0r8e6dvcTQ1.hE7Su8Ti/JkiC6kU5j0vdu0aKOX6fXviNagi";
        let argon2 = hash_password(&Password::new("p"), &SeededEntropy::new(1));
        for (like, costs) in [
            (bcrypt, "$2a$10$"),
            (argon2.as_str(), "$argon2id$v=19$m=19456,t=2,p=1$"),
        ] {
            let nobodys = nobodys_like(like).unwrap();
            assert!(nobodys.starts_with(costs), "{nobodys}");
            for password in ["password", "p", ""] {
                assert!(matches!(
                    judge(password, &nobodys),
                    Ok(PasswordVerdict::Wrong)
                ));
            }
        }
        for odd in ["", "$2", "$2a$1", "old:x", "$argon2i$v=19$m=1$a$b", "$"] {
            assert_eq!(nobodys_like(odd), None, "{odd}");
        }
    }

    fn is_upgraded(verdict: &Result<PasswordVerdict, ConnectorError>) -> bool {
        matches!(verdict, Ok(PasswordVerdict::Right { upgrade: Some(hash) })
            if hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"))
    }

    #[test]
    fn a_new_hash_is_of_the_password_and_needs_no_upgrade() {
        let hash = hash_password(&Password::new("correct horse"), &SeededEntropy::new(7));
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        let verdict = judge("correct horse", &hash);
        assert!(matches!(
            verdict,
            Ok(PasswordVerdict::Right { upgrade: None })
        ));
        assert!(matches!(judge("wrong", &hash), Ok(PasswordVerdict::Wrong)));
    }

    #[test]
    fn a_bcrypt_hash_of_every_version_is_checked_and_upgraded() {
        // What dex's example configuration holds for "password".
        let dex = "$2a$10$2b2cU8CPhOTaGrs1HRQuAueS7JTT5ZHsHSzYiFPm1leZck7Mc8T4W";
        assert!(is_upgraded(&judge("password", dex)));
        assert!(matches!(judge("Password", dex), Ok(PasswordVerdict::Wrong)));
        for version in ["$2b$", "$2y$"] {
            assert!(is_upgraded(&judge(
                "password",
                &dex.replacen("$2a$", version, 1)
            )));
        }
        assert!(judge("password", &dex.replacen("$2a$", "$2x$", 1)).is_err());
    }

    #[test]
    fn a_password_beyond_72_bytes_logs_in_by_bcrypt_and_leaves_its_hash_alone() {
        let long = "x".repeat(72);
        let hash = bcrypt::hash(&long, 4).unwrap();
        let unchecked_tail = judge(&format!("{long}and more"), &hash);
        assert!(matches!(
            unchecked_tail,
            Ok(PasswordVerdict::Right { upgrade: None })
        ));
        assert!(is_upgraded(&judge(&long, &hash)));
    }

    #[test]
    fn cheap_bcrypt_is_taken_once_and_dear_bcrypt_is_a_settings_error() {
        let cheap = bcrypt::hash("password", 4).unwrap();
        assert!(is_upgraded(&judge("password", &cheap)));
        let dear = cheap.replacen("$04$", "$15$", 1);
        assert!(matches!(
            judge("password", &dear),
            Err(ConnectorError::Settings(_))
        ));
    }

    #[test]
    fn a_weaker_argon2id_hash_is_upgraded() {
        let cheap = Params::new(8192, 1, 1, None).unwrap();
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, cheap)
            .hash_password_with_salt(b"password", &[7; 16])
            .unwrap()
            .to_string();
        assert!(is_upgraded(&judge("password", &weak)));
    }

    #[test]
    fn a_hash_made_to_exhaust_the_machine_is_not_computed() {
        for costs in [
            "m=4194304,t=2,p=1",
            "m=19456,t=4000000,p=1",
            "m=19456,t=2,p=255",
            "m=262144,t=10,p=1",
        ] {
            let hash = NOBODY.replacen("m=19456,t=2,p=1", costs, 1);
            let verdict = judge("password", &hash);
            assert!(
                matches!(verdict, Err(ConnectorError::Settings(_))),
                "{costs}"
            );
        }
    }

    #[test]
    fn a_hash_is_dear_from_eight_times_the_work_of_a_new_one() {
        let bcrypt = |cost: u32| format!("$2a${cost:02}${}", ".".repeat(53));
        let rows = [
            (NOBODY.to_owned(), false),
            (NOBODY.replacen("t=2", "t=16", 1), true),
            (bcrypt(10), false),
            (bcrypt(11), true),
            // Never computed, so never dear.
            (bcrypt(20), false),
            ("no hash".to_owned(), false),
        ];
        for (hash, expected) in rows {
            assert_eq!(is_dear(&hash), expected, "{hash}");
        }
    }

    #[test]
    fn what_is_no_hash_is_told_without_being_printed() {
        for odd in [
            "",
            "hunter2",
            "$argon2id$",
            "$2a$10$short",
            "$argon2i$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            let said = judge("password", odd).err().unwrap().to_string();
            assert!(!said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn nobody_costs_what_somebody_costs_and_is_wrong() {
        let parsed = PasswordHash::new(NOBODY).unwrap();
        let params = Params::try_from(&parsed).unwrap();
        assert_eq!(
            (params.m_cost(), params.t_cost(), params.p_cost()),
            (19_456, 2, 1)
        );
        let verdict = verify(&Password::new("x"), None, &SeededEntropy::new(1));
        assert!(matches!(verdict, Ok(PasswordVerdict::Wrong)));
    }
}
