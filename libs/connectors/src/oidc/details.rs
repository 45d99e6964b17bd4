use insula_ambient::Timestamp;
use insula_connector_kit::{Qualified, UpstreamClaims};
use insula_model::{Address, PersonDetails, Phone};

/// What an upstream tells of a person beyond who they are, all of it optional
/// ([OpenID Connect Core §5.1](https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims)).
///
/// No rule of ours looks at any of it, and providers write it in shapes of their own. So one that
/// is in a shape nobody understands, or too long to travel in a token, is left out instead of
/// keeping the person out.
pub(crate) fn of(claims: &UpstreamClaims) -> PersonDetails {
    let mut details = PersonDetails {
        updated_at: claims
            .time("updated_at")
            .ok()
            .flatten()
            .map(Timestamp::as_secs),
        ..PersonDetails::default()
    };
    details.phone = phone(claims).filter(|phone| fits(&phone.number, &details));
    if let Ok(Some(told)) = claims.object("address") {
        for name in Address::MEMBERS {
            let text = told.text(name).ok().flatten();
            let text = text.filter(|text| fits(text, &details));
            if let (Some(text), Some(member)) = (text, details.address.member_mut(name)) {
                *member = text;
            }
        }
    }
    for claim in PersonDetails::TEXTS {
        let text = claims.text(claim.name()).ok().flatten();
        let text = text.filter(|text| fits(text, &details));
        if let (Some(text), Some(place)) = (text, details.text_mut(claim)) {
            *place = text;
        }
    }
    details
}

/// A number counts as verified only where that was said of this very number, in a shape that is
/// understood.
fn phone(claims: &UpstreamClaims) -> Option<Phone> {
    let number = claims.text("phone_number").ok().flatten()?;
    let told = claims.flag_about("phone_number_verified", &["phone_number"], &number);
    let verified = told == Ok(Qualified::Told(true));
    Some(Phone { number, verified })
}

fn fits(text: &str, details: &PersonDetails) -> bool {
    text.len() <= PersonDetails::LONGEST
        && details.length() + text.len() <= PersonDetails::LONGEST_OF_ALL
}

#[cfg(test)]
mod tests {
    use super::*;
    use insula_connector_kit::Document;
    use insula_model::Claim;
    use serde_json::{Value, json};

    fn document(claims: &Value) -> Document {
        Document::of("userinfo", claims.as_object().unwrap().clone())
    }

    fn told(claims: &Value) -> PersonDetails {
        of(&UpstreamClaims::of(document(claims)))
    }

    #[test]
    fn every_standard_claim_is_taken() {
        let person = told(&json!({
            "given_name": "Jane", "family_name": "Doe", "middle_name": "Q", "nickname": "jj",
            "profile": "https://jane.test", "picture": "https://jane.test/me.png",
            "website": "https://blog.test", "gender": "female", "birthdate": "0000-10-31",
            "zoneinfo": "Europe/Berlin", "locale": "de-DE", "updated_at": 1_311_280_970,
            "phone_number": "+49 30 1", "phone_number_verified": true,
            "address": {"formatted": "A 1\nB", "street_address": "A 1", "locality": "B",
                "region": "BE", "postal_code": "10115", "country": "DE", "planet": "Earth"},
        }));
        for claim in PersonDetails::TEXTS {
            assert!(person.text(claim).is_some(), "{claim:?}");
        }
        assert_eq!(person.updated_at, Some(1_311_280_970));
        assert!(person.phone.unwrap().verified);
        let address = serde_json::to_value(&person.address).unwrap();
        assert_eq!(address.as_object().unwrap().len(), 6);
        assert_eq!(address["formatted"], "A 1\nB");
    }

    #[test]
    fn what_is_null_empty_or_in_a_shape_of_its_own_is_absent_and_keeps_nobody_out() {
        for value in [
            json!(null),
            json!(""),
            json!({"country": 1.5}),
            json!([1, 2]),
        ] {
            let mut claims = json!({"phone_number_verified": true});
            for name in Claim::ALL.map(Claim::name) {
                if name != "phone_number_verified" {
                    claims[name] = value.clone();
                }
            }
            assert_eq!(told(&claims).into_box(), None, "{value}");
        }
        let odd = json!({"updated_at": "2026-11-27T12:00:00Z", "address": "A 1", "locale":
            {"language": "de"}, "nickname": "jj"});
        let person = told(&odd);
        assert_eq!((person.updated_at, person.address.is_empty()), (None, true));
        assert_eq!(person.text(Claim::Nickname), Some("jj"));
        assert_eq!(person.text(Claim::Locale), None);
    }

    #[test]
    fn a_number_is_verified_only_where_that_was_said_of_it() {
        let verified = |token: Value, userinfo: Value| {
            let both = UpstreamClaims::of(document(&token)).with(document(&userinfo));
            of(&both).phone.map(|phone| (phone.number, phone.verified))
        };
        let with = |flag: Value| json!({"phone_number": "1", "phone_number_verified": flag});
        let one = |is| Some(("1".to_owned(), is));
        assert_eq!(verified(with(json!(true)), json!({})), one(true));
        assert_eq!(verified(with(json!("true")), json!({})), one(true));
        assert_eq!(verified(with(json!(false)), json!({})), one(false));
        assert_eq!(verified(with(json!("yes")), json!({})), one(false));
        assert_eq!(verified(with(json!(null)), json!({})), one(false));
        let other = json!({"phone_number": "2"});
        assert_eq!(
            verified(with(json!(true)), other),
            Some(("2".to_owned(), false))
        );
    }

    #[test]
    fn an_address_is_taken_whole_from_one_document() {
        let token = document(&json!({"address": {"country": "DE", "locality": "Berlin"}}));
        let userinfo = document(&json!({"address": {"country": "FR"}}));
        let person = of(&UpstreamClaims::of(token).with(userinfo));
        assert_eq!(person.address.country, "FR");
        assert_eq!(person.address.locality, "");
    }

    #[test]
    fn what_no_token_could_carry_is_left_out() {
        let long = "x".repeat(PersonDetails::LONGEST);
        let mut claims = json!({"phone_number": "1", "picture": format!("{long}x")});
        for claim in PersonDetails::TEXTS {
            if claim != Claim::Picture {
                claims[claim.name()] = json!(long);
            }
        }
        let person = told(&claims);
        assert_eq!(person.text(Claim::Picture), None);
        assert_eq!(person.text(Claim::GivenName), Some(long.as_str()));
        assert_eq!(person.text(Claim::Website), None);
        assert_eq!(person.length(), 3 * PersonDetails::LONGEST + 1);
    }
}
