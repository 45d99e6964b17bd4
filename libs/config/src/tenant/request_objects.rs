use insula_jose::{Jwks, UNSIGNED, VERIFIED_ALGS};
use insula_model::{Dialect, RequestObjects};

use super::expand;
use crate::reading::Reading;
use crate::section::{Section, suggestion};

/// Reads `jwks`, `requestObjectSigningAlg` and `requireSignedRequestObject` of a client, which dex's files do not have.
pub(super) fn read(
    section: &mut Section<'_>,
    dialect: Dialect,
    reading: &mut Reading<'_>,
) -> Option<Box<RequestObjects>> {
    if reading.lenient {
        return None;
    }
    if dialect == Dialect::Dex {
        for key in [
            "jwks",
            "requestObjectSigningAlg",
            "requireSignedRequestObject",
        ] {
            if let Some(node) = section.node(key) {
                let cause = "has no effect with profile: dex, which refuses request objects";
                reading.error(node.at, &section.key(key), cause, "remove it");
            }
        }
        return None;
    }
    let jwks = jwks(section, reading);
    let alg = section.text("requestObjectSigningAlg", reading);
    if let Some(alg) = &alg {
        let is_known = VERIFIED_ALGS.contains(&alg.value.as_str()) || alg.value == UNSIGNED;
        if alg.value.starts_with("HS") {
            let cause = "needs the secret itself, of which only a hash is kept";
            let next =
                "have the client sign with a key of its own, and list its public half in jwks";
            reading.error(alg.at, &alg.key, cause, next);
        } else if !is_known {
            let cause = format!("{} is no algorithm that is verified", alg.shown);
            reading.error(
                alg.at,
                &alg.key,
                cause,
                &suggestion(&alg.value, &VERIFIED_ALGS),
            );
        } else if alg.value == UNSIGNED && jwks.is_some() {
            let cause = "is none beside jwks, so that no key would ever be asked";
            let next = "name what the client signs with, or remove jwks";
            reading.error(alg.at, &alg.key, cause, next);
        } else if alg.value != UNSIGNED && jwks.is_none() {
            let cause = "needs jwks to verify with";
            reading.error(
                alg.at,
                &alg.key,
                cause,
                "list the public keys of the client",
            );
        }
    }
    let required = section
        .flag("requireSignedRequestObject", reading)
        .unwrap_or(false);
    if required
        && jwks.is_none()
        && let Some(node) = section.node("requireSignedRequestObject")
    {
        let key = section.key("requireSignedRequestObject");
        let cause = "needs jwks to verify with";
        reading.error(node.at, &key, cause, "list the public keys of the client");
    }
    let alg = alg.map(|alg| alg.value);
    (jwks.is_some() || alg.is_some()).then(|| {
        Box::new(RequestObjects {
            jwks,
            alg,
            required,
        })
    })
}

/// The client's public keys, as the JSON of a JWK Set.
fn jwks(section: &mut Section<'_>, reading: &mut Reading<'_>) -> Option<String> {
    let node = section.node("jwks")?;
    let key = section.key("jwks");
    let text = expand::json(node, reading.lenient).to_string();
    let next = "write { keys: [...] } with public keys as JWKs (RFC 7517), for signatures";
    match Jwks::parse(&text) {
        Ok(set) if set.is_empty() => {
            let cause = "holds no public key that a signature can be verified with";
            reading.error(node.at, &key, cause, next);
        }
        Ok(_) => {}
        Err(error) => reading.error(node.at, &key, error.to_string(), next),
    }
    Some(text)
}
