//! The grants of the token endpoint: is this evidence good for tokens?

mod authorization_code;
mod client_credentials;
mod device_code;
mod front_channel;
mod own_exchange;
mod password;
mod redemption;
mod refresh_token;
mod token_exchange;

use insula_model::{Client, Rules, TenantSpec};
use insula_oauth::GrantType;

use crate::Refusal;

pub use authorization_code::{CodeFacts, authorization_code, code_plan, remember_code_for};
pub use client_credentials::{ClientCredentialsFacts, client_credentials, client_credentials_plan};
pub use device_code::device_code;
pub use front_channel::{FrontChannelFacts, front_channel_plan};
pub use own_exchange::{
    OwnExchange, OwnExchanged, own_exchange, own_exchange_plan, own_requested_type,
};
pub use password::{PasswordFacts, PasswordGrant, password_plan, password_scopes};
pub use redemption::{Leave, RedemptionNote, RedemptionVerdict, redemption};
pub use refresh_token::{
    RefreshFacts, RefreshToken, RefreshUse, first_refresh_id, gets_refresh_token, narrowed_scopes,
    refresh_plan, refresh_token, used_refresh_grant,
};
pub use token_exchange::{
    ExchangeGrant, exchange_connector, must_meet_policy, requested_type, subject_token_type,
    upstream_exchange_plan, upstream_exchange_scopes,
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
///
/// Passwords are a last resort ([RFC 9700 §2.4](https://www.rfc-editor.org/rfc/rfc9700#section-2.4)): in
/// our dialect a client asks for them only where it lists the grant itself.
pub fn allowed(grant: GrantType, client: &Client, rules: &Rules) -> Result<(), Refusal> {
    let must_be_listed = grant == GrantType::Password && rules.password_grant_must_be_listed;
    if client.may_use(grant) && (client.may_use_by_name(grant) || !must_be_listed) {
        Ok(())
    } else {
        Err(Refusal::GrantNotAllowed)
    }
}
