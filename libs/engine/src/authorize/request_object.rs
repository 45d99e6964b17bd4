use data_encoding::BASE64URL_NOPAD;
use insula_model::Rules;
use insula_oauth::AuthorizeRequest;
use serde_json::{Map, Value};

/// Longer ones are not read; no error is worth more work.
const LONGEST: usize = 16 * 1024;

/// What a request object says of where its refusal goes.
///
/// Request objects are refused ([OpenID Connect Core §6.1](https://openid.net/specs/openid-connect-core-1_0.html#JWTRequests)).
/// A client that sends one has its `state`, and perhaps its `redirect_uri`, in nothing else. These
/// are read without asking who signed them: nothing is granted on their word, and a redirect URI
/// must be the client's whoever names it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ReturnAddress {
    pub redirect_uri: Option<String>,
    pub response_type: Option<String>,
    pub response_mode: Option<String>,
    pub state: Option<String>,
}

impl ReturnAddress {
    /// That of a request: of its parameters, and of its object what they lack. dex reads no object.
    pub(super) fn of(request: &AuthorizeRequest, rules: &Rules) -> Self {
        let object = request
            .request
            .as_deref()
            .filter(|_| rules.reads_return_address_of_request_object)
            .and_then(payload)
            .unwrap_or_default();
        let either = |plain: &Option<String>, name: &str| {
            let said = || object.get(name).and_then(Value::as_str);
            let filled = || said().filter(|text| !text.is_empty()).map(str::to_owned);
            plain.clone().or_else(filled)
        };
        Self {
            redirect_uri: either(&request.redirect_uri, "redirect_uri"),
            response_type: either(&request.response_type, "response_type"),
            response_mode: either(&request.response_mode, "response_mode"),
            state: either(&request.state, "state"),
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
