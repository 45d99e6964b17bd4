use std::collections::BTreeMap;

use insula_model::{PasswordRecord, UserId};

use super::{details, password_hash};
use crate::reading::Reading;
use crate::section::Section;
use crate::tree::Node;

/// Reads `enablePasswordDB` and `staticPasswords`.
pub(super) fn read(
    top: &mut Section<'_>,
    reading: &mut Reading<'_>,
) -> (bool, BTreeMap<String, PasswordRecord>) {
    let enabled = top.flag("enablePasswordDB", reading).unwrap_or(false);
    let mut people: BTreeMap<String, PasswordRecord> = BTreeMap::new();
    let items = top.items("staticPasswords", reading);
    if let (Some((first, _)), false) = (items.first(), enabled) {
        let dex = "cannot specify static passwords without enabling password db";
        let ours = "the password DB is off, so nobody here could log in";
        let next = "write enablePasswordDB: true";
        reading.refuse(first.at, "staticPasswords", dex, ours, next);
    }
    for (node, key) in items {
        let Some(person) = person(node, &key, reading) else {
            continue;
        };
        let login_name = person.email.to_lowercase();
        if people.contains_key(&login_name) {
            let cause = "the mail address stands in the list already, letters' case set aside";
            reading.error(
                node.at,
                &format!("{key}.email"),
                cause,
                "keep one of the two",
            );
            continue;
        }
        people.insert(login_name, person);
    }
    (enabled, people)
}

fn person(node: &Node, key: &str, reading: &mut Reading<'_>) -> Option<PasswordRecord> {
    let mut section = Section::open(node, key, reading);
    let email = section.text("email", reading);
    let hash = hash(&mut section, reading);
    let username = section.text("username", reading);
    let user_id = section.text("userID", reading);
    let name = section.text("name", reading);
    let preferred_username = section.text("preferredUsername", reading);
    let email_verified = section.flag("emailVerified", reading).unwrap_or(true);
    let groups = section.texts("groups", reading);
    // dex knows none of these, and says so.
    let details = if reading.lenient {
        None
    } else {
        details::read(&mut section, key, reading)
    };
    section.finish(reading);

    let email = email.filter(|email| !email.value.trim().is_empty());
    if email.is_none() {
        let next = "write the mail address the person logs in with";
        reading.error(node.at, &format!("{key}.email"), "is missing", next);
    }
    if user_id.is_none() {
        let next = "write an id that stays when name and address change, such as a UUID";
        reading.error(node.at, &format!("{key}.userID"), "is missing", next);
    }
    let user_id = user_id.and_then(|text| {
        UserId::parse(&text.value)
            .map_err(|error| reading.error(text.at, &text.key, error.to_string(), ""))
            .ok()
    });
    Some(PasswordRecord {
        email: email?.value.trim().to_owned(),
        hash: hash?,
        user_id: user_id?,
        username: username.map(|text| text.value).unwrap_or_default(),
        name: name.map(|text| text.value).filter(|text| !text.is_empty()),
        preferred_username: preferred_username
            .map(|text| text.value)
            .unwrap_or_default(),
        email_verified,
        groups: groups.into_iter().map(|group| group.value).collect(),
        details,
    })
}

/// `hash`, or `hashFromEnv` which names a variable.
fn hash(section: &mut Section<'_>, reading: &mut Reading<'_>) -> Option<String> {
    let written = section.secret("hash", reading);
    let variable = section.text("hashFromEnv", reading);
    let text = match (written, variable) {
        (Some(written), _) => written,
        (None, Some(variable)) => {
            let reference = crate::SecretRef::Env(variable.value.clone());
            let secret = reading.resolve_secret(&reference, variable.at, &variable.key)?;
            variable.map(|_| secret)
        }
        (None, None) => {
            let next = "make one with `insula hash-password`";
            let key = section.key("hash");
            let at = section.at();
            reading.refuse(at, &key, "no password hash provided", "is missing", next);
            return None;
        }
    };
    match password_hash::parse(text.value.reveal()) {
        Ok(hash) => Some(hash),
        Err(why) => {
            let dex = format!("malformed bcrypt hash: {why}");
            let next = "make one with `insula hash-password`";
            reading.refuse(text.at, &text.key, &dex, &why, next);
            None
        }
    }
}
