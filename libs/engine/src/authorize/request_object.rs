mod parameters;

use std::borrow::Cow;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use insula_ambient::Timestamp;
use insula_jose::{
    Claims, Expected, Jwks, TypRule, UNSIGNED, VerifyError, named_alg, read_unsigned,
};
use insula_model::{Client, RequestObjects, Rules, TenantSpec};
use insula_oauth::{AuthorizeRequest, Params};
use serde_json::{Map, Value};

use super::Rejection;
use super::validate::proven;
use crate::Refusal;

/// Longer ones are not read; no error is worth more work.
const LONGEST: usize = 16 * 1024;

/// By how much the clock of a client may differ from ours.
const LEEWAY: Duration = Duration::from_mins(1);

/// What `typ` may be (RFC 9101 §10.8): a JWT made for something else says so in it.
const TYPES: [&str; 2] = ["JWT", "oauth-authz-req+jwt"];

/// What is asked inside the request object of a request, if there is one and its client is
/// registered to send any; what is refused is left to [`validate`](super::validate()).
///
/// [RFC 9101](https://www.rfc-editor.org/rfc/rfc9101), by value. From here on only the parameters
/// inside count (§6.3): whoever leads the browser here cannot add to what the client signed, nor
/// take away. OpenID Connect Core §6.1 would add those outside, which its clients repeat inside.
pub fn unpacked(
    request: &AuthorizeRequest<'_>,
    client: &Client,
    spec: &TenantSpec,
    now: Timestamp,
) -> Result<Option<Params>, Rejection> {
    let registered = client.request_objects.as_deref();
    let registered = registered.filter(|_| spec.rules.reads_request_objects);
    let (Some(registered), None) = (registered, request.duplicate) else {
        return Ok(None);
    };
    if request.request.is_none() && !registered.required {
        return Ok(None);
    }
    let object = request.request;
    let inside = if request.request_uri.is_some() {
        Err(Refusal::RequestUriNotSupported)
    } else if let Some(object) = object {
        let claims = believed(object, registered, client, spec, now);
        claims
            .map(parameters::of)
            .map_err(Refusal::BadRequestObject)
    } else {
        Err(Refusal::RequestObjectMissing)
    };
    inside.map(Some).map_err(|refusal| {
        // Where it goes is read without asking who signed it, as for every object that is refused.
        match proven(request, client, spec) {
            Ok(proven) => Rejection {
                refusal,
                reply_to: Some(Box::new(proven.into_reply_to())),
            },
            Err(unproven) => unproven.into(),
        }
    })
}

/// The claims of an object, or in words why they are not believed.
fn believed(
    object: &str,
    registered: &RequestObjects,
    client: &Client,
    spec: &TenantSpec,
    now: Timestamp,
) -> Result<Claims, String> {
    if object.len() > LONGEST {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    let claims = verified(object, registered, now).map_err(|why| why.to_string())?;
    let id = client.id.as_str();
    let is_other = |name: &str| claims.get(name).is_some() && claims.str(name) != Some(id);
    let why = if claims.str("client_id") != Some(id) {
        // RFC 9101 §5; it tells an assertion of the client's from a request of its, too.
        "its client_id is not that of the request"
    } else if is_other("iss") {
        "its iss is not the client"
    } else if claims.get("aud").is_some() && !claims.audience().contains(&spec.issuer.as_str()) {
        "its aud is not this issuer"
    } else if claims.str("sub") == Some(id) {
        "its sub is the client, as in an assertion"
    } else if claims.get("request").is_some() || claims.get("request_uri").is_some() {
        "it holds another one"
    } else {
        return Ok(claims);
    };
    Err(why.to_owned())
}

fn verified(
    object: &str,
    registered: &RequestObjects,
    now: Timestamp,
) -> Result<Claims, VerifyError> {
    let expected = Expected {
        typ: TypRule::AbsentOrOneOf(&TYPES),
        ..Expected::from_any_issuer()
            .even_expired()
            .with_leeway(LEEWAY)
    };
    let alg = named_alg(object)?;
    let wanted = registered.alg.as_deref();
    if wanted.is_some_and(|wanted| wanted != alg) {
        return Err(VerifyError::AlgMismatch);
    }
    let claims = if wanted == Some(UNSIGNED) {
        read_unsigned(object, now, &expected)?
    } else {
        let jwks = registered.jwks.as_deref().unwrap_or_default();
        let jwks = Jwks::parse(jwks).map_err(|_| VerifyError::UnknownKid)?;
        jwks.verify(object, now, &expected)?
    };
    // It need not end (RFC 9101 §4), but one that says so does.
    if claims.get("exp").is_some() {
        let ends = claims.timestamp("exp");
        if now >= ends.ok_or(VerifyError::MissingClaim("exp"))? + LEEWAY {
            return Err(VerifyError::Expired);
        }
    }
    Ok(claims)
}

/// What a request object that is refused says of where its refusal goes.
///
/// A client that sends one has its `state`, and perhaps its `redirect_uri`, in nothing else. These
/// are read without asking who signed them: nothing is granted on their word, and a redirect URI
/// must be the client's whoever names it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ReturnAddress<'a> {
    pub redirect_uri: Option<Cow<'a, str>>,
    pub response_type: Option<Cow<'a, str>>,
    pub response_mode: Option<Cow<'a, str>>,
    pub state: Option<Cow<'a, str>>,
}

impl<'a> ReturnAddress<'a> {
    /// That of a request: of its parameters, and of its object what they lack. dex reads no object.
    pub(super) fn of(request: &AuthorizeRequest<'a>, rules: &Rules) -> Self {
        let object = request
            .request
            .filter(|_| rules.reads_request_objects)
            .and_then(payload)
            .unwrap_or_default();
        let either = |plain: Option<&'a str>, name: &str| {
            let said = || object.get(name).and_then(Value::as_str);
            let filled = || said().filter(|text| !text.is_empty()).map(str::to_owned);
            plain
                .map(Cow::Borrowed)
                .or_else(|| filled().map(Cow::Owned))
        };
        Self {
            redirect_uri: either(request.redirect_uri, "redirect_uri"),
            response_type: either(request.response_type, "response_type"),
            response_mode: either(request.response_mode, "response_mode"),
            state: either(request.state, "state"),
        }
    }
}

/// The claims of a JWT, signed or not, unverified.
fn payload(object: &str) -> Option<Map<String, Value>> {
    if object.len() > LONGEST {
        return None;
    }
    let mut parts = object.split('.');
    let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let json = BASE64URL_NOPAD.decode(payload.as_bytes()).ok()?;
    serde_json::from_slice(&json).ok()
}
