use data_encoding::BASE64URL_NOPAD;
use insula_jose::{MasterKey, SealError};
use insula_model::AuthRequestId;

use crate::TenantView;

const PURPOSE: &str = "connector-data";
const REQUEST: &str = "carried-request";

/// Seals what a connector wants back, so that neither cache nor database can read an upstream's
/// refresh token. `Login::connector_data` is sealed from the moment a login is made.
pub(crate) fn seal(view: &TenantView, plain: &[u8]) -> Vec<u8> {
    key(view, PURPOSE).seal(PURPOSE, plain, view.effects.entropy.as_ref())
}

/// Opens it for the connector.
pub(crate) fn open(view: &TenantView, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    key(view, PURPOSE).open(PURPOSE, sealed)
}

/// Seals what a browser carries of a login, so that it opens for this login alone.
pub(crate) fn seal_for(view: &TenantView, id: &AuthRequestId, plain: &[u8]) -> String {
    let context = format!("{REQUEST}/{id}");
    let sealed = key(view, REQUEST).seal(&context, plain, view.effects.entropy.as_ref());
    BASE64URL_NOPAD.encode(&sealed)
}

/// Opens what a browser brought back; nothing if it is not this login's.
pub(crate) fn open_for(view: &TenantView, id: &AuthRequestId, sealed: &str) -> Option<Vec<u8>> {
    let sealed = BASE64URL_NOPAD.decode(sealed.as_bytes()).ok()?;
    let context = format!("{REQUEST}/{id}");
    key(view, REQUEST).open(&context, &sealed).ok()
}

/// Seals what only this tenant opens, for one purpose.
pub(crate) fn seal_as(view: &TenantView, purpose: &str, plain: &[u8]) -> Vec<u8> {
    key(view, purpose).seal(purpose, plain, view.effects.entropy.as_ref())
}

/// Opens it; nothing if this tenant did not seal it for that purpose.
pub(crate) fn open_as(view: &TenantView, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    key(view, purpose).open(purpose, sealed).ok()
}

fn key(view: &TenantView, purpose: &str) -> MasterKey {
    MasterKey::from_bytes(view.keys.derive(purpose))
}

#[cfg(test)]
mod tests;
