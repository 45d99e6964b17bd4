use insula_model::address::oddity;
use insula_model::{Address, Claim, PersonDetails, Phone};
use url::Url;

use crate::reading::{Reading, Spot};
use crate::section::Section;

/// The keys of claims that are one text.
const TEXTS: [(&str, Claim); 11] = [
    ("givenName", Claim::GivenName),
    ("familyName", Claim::FamilyName),
    ("middleName", Claim::MiddleName),
    ("nickname", Claim::Nickname),
    ("profile", Claim::Profile),
    ("picture", Claim::Picture),
    ("website", Claim::Website),
    ("gender", Claim::Gender),
    ("birthdate", Claim::Birthdate),
    ("zoneinfo", Claim::Zoneinfo),
    ("locale", Claim::Locale),
];

/// The keys of an address, and its members.
const ADDRESS: [(&str, &str); 6] = [
    ("formatted", "formatted"),
    ("streetAddress", "street_address"),
    ("locality", "locality"),
    ("region", "region"),
    ("postalCode", "postal_code"),
    ("country", "country"),
];

/// Reads what tokens say of a person beyond who they are. `key` is the person's own.
pub(super) fn read(
    section: &mut Section<'_>,
    key: &str,
    reading: &mut Reading<'_>,
) -> Option<Box<PersonDetails>> {
    let mut details = PersonDetails::default();
    for (key, claim) in TEXTS {
        let text = section.text(key, reading);
        let text = text.and_then(|text| short(text, reading));
        let text = text.and_then(|text| of_its_form(text, claim, reading));
        if let (Some(text), Some(place)) = (text, details.text_mut(claim)) {
            *place = text.value;
        }
    }
    details.phone = phone(section, reading);
    details.address = address(section, reading);
    if details.length() > PersonDetails::LONGEST_OF_ALL {
        let most = PersonDetails::LONGEST_OF_ALL;
        let cause = format!("all that tokens would say is longer than {most} bytes");
        let next = "tokens travel in headers; leave out what no app needs";
        reading.error(section.at(), key, cause, next);
    }
    details.into_box()
}

fn phone(section: &mut Section<'_>, reading: &mut Reading<'_>) -> Option<Phone> {
    let number = section.text("phoneNumber", reading);
    let number = number.and_then(|text| short(text, reading));
    let number = number.filter(|number| !number.value.is_empty());
    let verified = section.flag("phoneNumberVerified", reading);
    if let (None, Some(true)) = (&number, verified) {
        let cause = "there is no phoneNumber that could be verified";
        let key = section.key("phoneNumberVerified");
        reading.error(section.at(), &key, cause, "write phoneNumber too");
    }
    Some(Phone {
        number: number?.value,
        verified: verified.unwrap_or(false),
    })
}

fn address(section: &mut Section<'_>, reading: &mut Reading<'_>) -> Address {
    let mut address = Address::default();
    let mut written = section.section("address", reading);
    for (key, name) in ADDRESS {
        let text = written.text(key, reading);
        let text = text.and_then(|text| short(text, reading));
        if let (Some(text), Some(member)) = (text, address.member_mut(name)) {
            *member = text.value;
        }
    }
    written.finish(reading);
    address
}

fn short(text: Spot<String>, reading: &mut Reading<'_>) -> Option<Spot<String>> {
    let most = PersonDetails::LONGEST;
    if text.value.len() <= most {
        return Some(text);
    }
    let cause = format!("is longer than {most} bytes");
    reading.error(text.at, &text.key, cause, "write a shorter text");
    None
}

/// A claim whose form the specification says (OpenID Connect Core §5.1).
fn of_its_form(
    text: Spot<String>,
    claim: Claim,
    reading: &mut Reading<'_>,
) -> Option<Spot<String>> {
    let (is_formed, form, next) = match claim {
        Claim::Profile | Claim::Picture | Claim::Website => (
            is_web_address(&text.value),
            "a web address",
            "write a URL with http or https",
        ),
        Claim::Birthdate => (
            is_birthdate(&text.value),
            "a date",
            "write YYYY-MM-DD, 0000-MM-DD or YYYY",
        ),
        _ => return Some(text),
    };
    if is_formed || text.value.is_empty() {
        return Some(text);
    }
    let cause = format!("{} is not {form}", text.shown);
    reading.error(text.at, &text.key, cause, next);
    None
}

fn is_web_address(text: &str) -> bool {
    let url = Url::parse(text).ok();
    let is_web = url.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    is_web && oddity(text).is_none()
}

/// A year, or a year, a month and a day; the year may be unknown.
fn is_birthdate(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut number = |digits: usize| {
        let part = parts.next()?;
        let is_number = part.len() == digits && part.bytes().all(|b| b.is_ascii_digit());
        part.parse::<u16>().ok().filter(|_| is_number)
    };
    match (number(4), number(2), number(2)) {
        (Some(_), None, None) => text.len() == 4,
        (Some(_), Some(month), Some(day)) => {
            (1..=12).contains(&month) && (1..=31).contains(&day) && text.len() == 10
        }
        _ => false,
    }
}
