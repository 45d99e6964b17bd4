mod clients;
mod connectors;
mod details;
mod expand;
mod expiry;
mod frontend;
mod http_policy;
mod included;
mod issuer;
mod keytabs;
mod limits;
mod oauth2;
mod password_hash;
mod passwords;
mod request_objects;
mod resources;
mod sessions;
mod signer;
mod token_exchange;

pub(crate) use limits::rate;

use std::sync::Arc;

use insula_model::{ConnectorSpec, Rules, TenantId, TenantSpec};

use crate::defaults::LIMITS;
use crate::reading::Reading;
use crate::section::Section;
use crate::tree::Node;
use crate::{LoadOptions, dex, native};

/// What a `tenant.yaml` beside a dex file may say: what the server asks of a tenant, for which dex
/// has no words.
pub(crate) fn read_beside_dex(
    root: &Node,
    spec: Option<&mut TenantSpec>,
    reading: &mut Reading<'_>,
) {
    let mut top = Section::open(root, "", reading);
    let is_default = issuer::is_default(&mut top, reading);
    let limits = spec.as_ref().map_or(LIMITS, |spec| spec.limits);
    let limits = limits::read_over(&mut top, limits, reading);
    top.finish(reading);
    if let Some(spec) = spec {
        spec.is_default = is_default;
        spec.limits = limits;
    }
}

/// Each in a place of its own, where whoever opens it shares it. The list they were read into has room
/// for all of them in itself.
fn shared(connectors: Vec<ConnectorSpec>) -> Vec<Arc<ConnectorSpec>> {
    let mut shared = Vec::with_capacity(connectors.len());
    shared.extend(connectors.into_iter().map(Arc::new));
    shared
}

/// Reads a tenant file of either format. Goes through all of it whatever is wrong; the spec is there
/// only if every part of it could be made.
pub(crate) fn read(
    id: &TenantId,
    root: &Node,
    reading: &mut Reading<'_>,
    options: &LoadOptions<'_>,
) -> Option<TenantSpec> {
    let mut top = Section::open(root, "", reading);
    let defaults = if reading.lenient {
        dex::process_wide(&mut top, reading);
        dex::unobeyed_variables(&top, reading);
        dex::mfa(&mut top, reading);
        dex::defaults(reading)
    } else {
        native::subject(&mut top, reading);
        native::profile(&mut top, reading)
    };

    let issuer = issuer::issuer(&mut top, reading);
    let hosts = issuer::hosts(&mut top, reading);
    let is_default = issuer::is_default(&mut top, reading);
    let (password_db, passwords) = passwords::read(&mut top, reading);
    let connectors = connectors::read(&mut top, password_db, options, reading);
    let mut expiry_section = top.section("expiry", reading);
    let signing_keys = expiry_section.duration("signingKeys", reading);
    let expiry = expiry::read(expiry_section, &defaults, reading);
    let signer = signer::read(&mut top, signing_keys, &defaults, reading);
    let oauth2 = oauth2::read(&mut top, &connectors, &defaults, reading);
    let resources = resources::read(&mut top, issuer.as_ref(), reading);
    let known = clients::Known {
        connectors: &connectors,
        resources: &resources.resources,
        grant_types: &oauth2.grant_types,
        signer: &signer,
    };
    let clients = clients::read(&mut top, &known, &defaults, reading);
    let resources = resources.finish(&clients, reading);
    let sessions = sessions::read(&mut top, &defaults, reading);
    let frontend = frontend::read(&mut top, id, &defaults, reading);
    let http = http_policy::read(&mut top, &defaults, reading);
    let limits = limits::read(&mut top, options.requests, reading);
    let log_exclude = dex::excluded_fields(&mut top, reading);
    let passivate_after = limits::passivate_after(&mut top, reading);
    top.finish(reading);

    Some(TenantSpec {
        id: id.clone(),
        issuer: issuer?,
        hosts,
        is_default,
        dialect: defaults.dialect,
        rules: Rules::of(defaults.dialect),
        clients,
        resources,
        connectors: shared(connectors),
        password_db,
        passwords: passwords.into(),
        oauth2,
        signer,
        expiry,
        sessions,
        frontend,
        http,
        limits,
        log_exclude,
        passivate_after,
    })
}
