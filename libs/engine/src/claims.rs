use insula_model::Login;
use insula_oauth::Scopes;
use serde::Serialize;

/// What tokens say of a person, in dex's order; what is empty is left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(crate) struct PersonClaims<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    groups: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    federated_claims: Option<FederatedClaims<'a>>,
}

/// Where a person comes from, unencoded.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct FederatedClaims<'a> {
    connector_id: &'a str,
    user_id: &'a str,
}

/// The names of [`PersonClaims`], in their order.
pub(crate) const PERSON_CLAIMS: [&str; 6] = [
    "email",
    "email_verified",
    "groups",
    "name",
    "preferred_username",
    "federated_claims",
];

impl<'a> PersonClaims<'a> {
    /// What `scopes` release of the person
    /// ([OpenID Connect Core §5.4](https://openid.net/specs/openid-connect-core-1_0.html#ScopeClaims)).
    ///
    /// `email_verified` is always there with `email`; empty groups are absent, not `[]`.
    pub(crate) fn released(scopes: &Scopes, login: &'a Login) -> Self {
        let (email, groups, profile) = (
            scopes.contains("email"),
            scopes.groups(),
            scopes.contains("profile"),
        );
        let all = Self::all(login);
        Self {
            email: all.email.filter(|_| email),
            email_verified: all.email_verified.filter(|_| email),
            groups: if groups { all.groups } else { &[] },
            name: all.name.filter(|_| profile),
            preferred_username: all.preferred_username.filter(|_| profile),
            federated_claims: all
                .federated_claims
                .filter(|_| scopes.contains("federated:id")),
        }
    }

    /// All there is.
    pub(crate) fn all(login: &'a Login) -> Self {
        let claims = &login.claims;
        let filled = |text: &'a String| Some(text.as_str()).filter(|t| !t.is_empty());
        Self {
            email: filled(&claims.email),
            email_verified: Some(claims.email_verified),
            groups: &claims.groups,
            name: filled(&claims.username),
            preferred_username: filled(&claims.preferred_username),
            federated_claims: Some(FederatedClaims {
                connector_id: login.connector_id.as_str(),
                user_id: claims.user_id.as_str(),
            }),
        }
    }
}
