use insula_jose::{MasterKey, SealError};

use crate::TenantView;

const PURPOSE: &str = "connector-data";

/// Seals what a connector wants back, so that neither cache nor database can read an upstream's
/// refresh token. `Login::connector_data` is sealed from the moment a login is made.
pub(crate) fn seal(view: &TenantView, plain: &[u8]) -> Vec<u8> {
    key(view).seal(PURPOSE, plain, view.effects.entropy.as_ref())
}

/// Opens it for the connector.
pub(crate) fn open(view: &TenantView, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    key(view).open(PURPOSE, sealed)
}

fn key(view: &TenantView) -> MasterKey {
    MasterKey::from_bytes(view.keys.derive(PURPOSE))
}

#[cfg(test)]
mod tests;
