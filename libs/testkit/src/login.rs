use std::time::Duration;

use insula_model::{
    Address, ClientId, CodeGrant, ConnectorId, GrantId, IdentityClaims, Login, PersonDetails,
    Phone, RequestedClaims, SessionId, UserId,
};
use insula_oauth::{CodeChallenge, CodeChallengeMethod, Scopes};

use crate::{CHALLENGE, NOW};

/// Jane, of whom everything is known that dex knows of people.
pub fn jane() -> IdentityClaims {
    IdentityClaims {
        user_id: UserId::parse("jane-1").expect("a word is an id"),
        username: "Jane Doe".to_owned(),
        preferred_username: "jane".to_owned(),
        email: "jane@example.test".to_owned(),
        email_verified: true,
        groups: vec!["staff".to_owned(), "admins".to_owned()],
        details: None,
    }
}

/// What else may be known of Jane: all there is.
pub fn janes_details() -> PersonDetails {
    let mut details = PersonDetails {
        updated_at: Some(1_311_280_970),
        phone: Some(Phone {
            number: "+1 (425) 555-1212".to_owned(),
            verified: true,
        }),
        ..PersonDetails::default()
    };
    for claim in PersonDetails::TEXTS {
        if let Some(text) = details.text_mut(claim) {
            *text = format!("jane's {}", claim.name());
        }
    }
    for member in Address::MEMBERS {
        if let Some(text) = details.address.member_mut(member) {
            *text = format!("jane's {member}");
        }
    }
    details
}

/// Jane's login through the connector `mock`, a minute before [`NOW`], in a browser session.
pub fn a_login() -> Login {
    Login {
        connector_id: ConnectorId::parse("mock").expect("a word is an id"),
        claims: jane(),
        auth_time: NOW - Duration::from_mins(1),
        amr: vec!["pwd".to_owned()],
        acr: None,
        session_id: Some(SessionId::parse("session1").expect("a word is an id")),
        connector_data: None,
    }
}

/// What the code of [`a_login`] stands for: for the client `app`, with PKCE
/// ([`VERIFIER`](crate::VERIFIER)), all scopes of a person and `offline_access`, good for a minute.
pub fn a_code_grant() -> CodeGrant {
    CodeGrant {
        grant_id: GrantId::parse("family1").expect("a word is an id"),
        client_id: ClientId::parse("app").expect("a word is an id"),
        redirect_uri: "https://app.test/cb".to_owned(),
        scopes: Scopes::parse("openid email profile groups offline_access"),
        resources: Vec::new(),
        claims: RequestedClaims::default(),
        nonce: Some("n-0S6_WzA2Mj".to_owned()),
        code_challenge: Some(CodeChallenge {
            method: CodeChallengeMethod::S256,
            value: CHALLENGE.to_owned(),
        }),
        login: a_login(),
        begins_refresh: None,
    }
}
