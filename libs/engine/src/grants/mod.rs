//! The grants of the token endpoint: is this evidence good for tokens?

mod authorization_code;
mod client_credentials;
mod device_code;
mod redemption;
mod refresh_token;

use insula_model::{Client, TenantSpec};
use insula_oauth::GrantType;

use crate::Refusal;

pub use authorization_code::{CodeFacts, authorization_code, code_plan, remember_code_for};
pub use client_credentials::{ClientCredentialsFacts, client_credentials, client_credentials_plan};
pub use device_code::device_code;
pub use redemption::{Leave, RedemptionNote, RedemptionVerdict, redemption};
pub use refresh_token::{
    RefreshFacts, RefreshToken, RefreshUse, first_refresh_id, gets_refresh_token, narrowed_scopes,
    refresh_plan, refresh_token, used_refresh_grant,
};

/// Whether the tenant serves a grant (RFC 6749 §5.2, `unsupported_grant_type`).
pub fn served(grant: GrantType, spec: &TenantSpec) -> Result<(), Refusal> {
    if grant.is_served() && spec.oauth2.grant_types.contains(&grant) {
        Ok(())
    } else {
        Err(Refusal::UnsupportedGrantType(grant.as_str().to_owned()))
    }
}

/// Whether a client may use a grant (RFC 6749 §5.2, `unauthorized_client`).
pub fn allowed(grant: GrantType, client: &Client) -> Result<(), Refusal> {
    if client.may_use(grant) {
        Ok(())
    } else {
        Err(Refusal::GrantNotAllowed)
    }
}
