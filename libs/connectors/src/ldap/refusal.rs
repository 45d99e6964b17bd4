//! Why a directory does not let an entry log in. It is written to the log, and the person is told of a
//! wrong password whatever it was: otherwise a stranger could find out who is locked or gone.

/// What Active Directory means by the number in `… AcceptSecurityContext error, data 533, v1db1`: an
/// error code of Windows, in hexadecimal. It answers invalidCredentials (49) to all of them.
const SUB_CODES: &[(&str, &str)] = &[
    ("530", "it may not log in at this hour (logonHours)"),
    (
        "531",
        "it may log in at certain machines only (userWorkstations)",
    ),
    ("532", "its password has expired"),
    ("533", "it is disabled (userAccountControl)"),
    ("534", "it has not been granted this way of logging in"),
    ("568", "it is in too many groups"),
    ("701", "it has expired (accountExpires)"),
    ("773", "its password must be changed before the next login"),
    (
        "775",
        "it is locked after too many wrong passwords (lockoutTime)",
    ),
];

/// The reason that the answer to a bind names, beyond name and password not belonging together.
pub(super) fn reason(code: u32, text: &str) -> Option<&'static str> {
    match code {
        49 => sub_code(text),
        // constraintViolation
        19 => Some("it may be locked after too many wrong passwords"),
        // inappropriateAuthentication
        48 => Some("it has no password"),
        // unwillingToPerform
        53 => Some("it may be locked, disabled, or have no password"),
        _ => None,
    }
}

fn sub_code(text: &str) -> Option<&'static str> {
    let (_, rest) = text.split_once(", data ")?;
    let (code, _) = rest.split_once(',')?;
    let known = SUB_CODES.iter().find(|(known, _)| *known == code);
    known.map(|(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(data: &str) -> String {
        format!(
            "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {data}, v1db1"
        )
    }

    #[test]
    fn sub_codes_of_active_directory_are_told_apart() {
        let rows = [
            ("530", "at this hour"),
            ("531", "certain machines"),
            ("532", "password has expired"),
            ("533", "disabled"),
            ("534", "not been granted"),
            ("568", "too many groups"),
            ("701", "accountExpires"),
            ("773", "must be changed"),
            ("775", "locked"),
        ];
        for (data, words) in rows {
            let reason = reason(49, &answer(data)).unwrap();
            assert!(reason.contains(words), "{data}: {reason}");
        }
        assert_eq!(rows.len(), SUB_CODES.len());
    }

    #[test]
    fn a_wrong_password_and_an_unknown_name_have_no_other_reason() {
        for text in [
            &answer("52e"),
            &answer("525"),
            &answer("zzz"),
            "",
            ", data 533",
            "data 533",
        ] {
            assert_eq!(reason(49, text), None, "{text}");
        }
        assert_eq!(reason(32, &answer("533")), None);
    }
}
