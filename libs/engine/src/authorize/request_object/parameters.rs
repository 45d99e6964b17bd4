use insula_jose::Claims;
use insula_oauth::Params;
use serde_json::Value;

/// The claims of RFC 7519 §4.1, which say something of the object and nothing of the request.
const OF_THE_OBJECT: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

/// The parameters that an object holds, read as those of an address would be: numbers as their
/// digits, objects such as `claims` as their JSON, lists as parameters that come several times
/// ([RFC 9101 §4](https://www.rfc-editor.org/rfc/rfc9101#section-4)).
pub(super) fn of(claims: Claims) -> Params {
    let mut pairs = Vec::new();
    for (name, value) in claims.into_map() {
        if OF_THE_OBJECT.contains(&name.as_str()) {
            continue;
        }
        match value {
            Value::Array(values) => {
                let texts = values.into_iter().filter_map(text);
                pairs.extend(texts.map(|text| (name.clone(), text)));
            }
            value => pairs.extend(text(value).map(|text| (name, text))),
        }
    }
    Params::from_pairs(pairs)
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}
