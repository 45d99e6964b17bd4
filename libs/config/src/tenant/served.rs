use insula_oauth::{GrantType, ResponseType};

/// The grants this version serves. A file may name more; what is not served is told, and left out
/// of the spec, so that discovery promises nothing that is not kept.
pub(super) const GRANTS: [GrantType; 2] = [GrantType::AuthorizationCode, GrantType::RefreshToken];

/// The response types this version serves.
pub(super) const RESPONSE_TYPES: [ResponseType; 1] = [ResponseType::CODE];
