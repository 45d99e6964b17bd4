//! Which address counts, and when it is the person's.

use super::*;

async fn email(rules: Rules, user: Value, organization: ResponseTemplate) -> (String, bool) {
    let fake = a_microsoft().await;
    fake.serve(ME, adele(&user)).await;
    fake.answer("GET", ORGANIZATION, organization).await;
    let microsoft = open_by(rules, &fake, &json!({})).unwrap();
    let who = log_in(&microsoft, &a_login()).await.unwrap().claims;
    (who.email, who.email_verified)
}

fn contoso() -> ResponseTemplate {
    let domains = json!([{"name": "contoso.com"}, {"name": "contoso.onmicrosoft.com"}]);
    let organization = json!({"id": "8484", "verifiedDomains": domains});
    ResponseTemplate::new(200).set_body_json(json!({ "value": [organization] }))
}

#[tokio::test]
async fn an_address_is_verified_only_in_a_domain_that_the_organisation_owns() {
    let standard = async |user| email(Rules::STANDARD, user, contoso()).await;
    let told = |address: &str, verified| (address.to_owned(), verified);
    assert_eq!(
        standard(json!({})).await,
        told("Adele.Vance@contoso.com", true)
    );
    let cased = json!({"mail": "a@CONTOSO.com"});
    assert_eq!(standard(cased).await, told("a@CONTOSO.com", true));
    for stranger in [
        "victim@fabrikam.com",
        "victim@evil.contoso.com",
        "victim@contoso.com.evil.test",
        "contoso.com",
        "@contoso.com@fabrikam.com",
    ] {
        let forged = standard(json!({"mail": stranger})).await;
        assert_eq!(
            forged,
            told(stranger, false),
            "whoever manages a tenant writes any address"
        );
    }
    let nameless = standard(json!({"mail": null})).await;
    assert_eq!(nameless, told("AdeleV@contoso.com", true));
    let guest = json!({"mail": null, "userPrincipalName": "jane_home.test#EXT#@contoso.com"});
    assert_eq!(
        standard(guest).await,
        told("", false),
        "a guest's login name is no address"
    );
}

#[tokio::test]
async fn an_address_of_whom_no_organisation_vouches_for_is_not_verified() {
    let none = ResponseTemplate::new(200).set_body_json(json!({"value": []}));
    for answer in [
        none,
        failing(403, "Authorization_RequestDenied"),
        failing(400, "BadRequest"),
    ] {
        let (_, verified) = email(Rules::STANDARD, json!({}), answer).await;
        assert!(!verified);
    }
}

#[tokio::test]
async fn dex_takes_the_login_name_for_a_verified_address() {
    for name in ["AdeleV@contoso.com", "jane_home.test#EXT#@contoso.com"] {
        let user = json!({ "userPrincipalName": name });
        let told = email(Rules::DEX, user, failing(403, "Forbidden")).await;
        assert_eq!(told, (name.to_owned(), true));
    }
}
