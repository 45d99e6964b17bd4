use serde_json::Value;

/// Whether a plain scalar says nothing (YAML 1.2 core schema).
pub(crate) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Reads a bool. `lenient` adds YAML 1.1's other words, which dex's parser knows.
pub(crate) fn bool_of(text: &str, lenient: bool) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" if lenient => Some(true),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" if lenient => Some(false),
        _ => None,
    }
}

/// What a plain scalar becomes where nobody says what it should be.
pub(crate) fn json_of(text: &str, lenient: bool) -> Value {
    if is_null(text) {
        return Value::Null;
    }
    if let Some(flag) = bool_of(text, lenient) {
        return Value::Bool(flag);
    }
    number_of(text).unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Reads a JSON number. Anything fancier (`0x10`, `1_000`, `.inf`) stays text.
fn number_of(text: &str) -> Option<Value> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let begins_well = digits.starts_with(|c: char| c.is_ascii_digit());
    let has_leading_zero = digits.len() > 1
        && digits.starts_with('0')
        && !digits.starts_with("0.")
        && !digits.starts_with("0e");
    if !begins_well || has_leading_zero {
        return None;
    }
    serde_json::from_str::<serde_json::Number>(text)
        .ok()
        .map(Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_plain_scalar_is_what_it_looks_like() {
        for (text, value) in [
            ("true", json!(true)),
            ("yes", json!("yes")),
            ("12", json!(12)),
            ("-1.5", json!(-1.5)),
            ("007", json!("007")),
            ("1.2.3", json!("1.2.3")),
            ("~", json!(null)),
            ("", json!(null)),
            ("acme", json!("acme")),
        ] {
            assert_eq!(json_of(text, false), value, "{text}");
        }
    }

    #[test]
    fn dex_also_takes_the_bools_of_yaml_1_1() {
        assert_eq!(json_of("yes", true), json!(true));
        assert_eq!(json_of("Off", true), json!(false));
    }
}
