use std::borrow::Cow;

use insula_jose::says_nothing;
use serde_json::Value;

/// A claim that is one text: a text, a whole number by its digits, or a list of one of these.
pub(super) fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(text.into()),
        Value::Number(number) if number.is_i64() || number.is_u64() => {
            Some(number.to_string().into())
        }
        Value::Array(many) => match many.as_slice() {
            [one] if !one.is_array() => text(one),
            _ => None,
        },
        _ => None,
    }
}

/// A claim that is a list of texts; one text is a list of one, and what says nothing is left out.
pub(super) fn texts(value: &Value) -> Option<Vec<String>> {
    listed(value, |element| Some(Some(text(element)?.into_owned())))
}

/// A claim that is a list of names: texts, or objects with a `name`. In a list, an object without
/// one is left out.
pub(super) fn names(value: &Value) -> Option<Vec<String>> {
    let read = listed(value, |element| match element {
        Value::Object(object) => match object.get("name").filter(|name| !says_nothing(name)) {
            None => Some(None),
            Some(name) => Some(Some(text(name)?.into_owned())),
        },
        element => Some(Some(text(element)?.into_owned())),
    })?;
    // One object that has no name is something else than a group.
    (!read.is_empty() || !value.is_object()).then_some(read)
}

fn listed(value: &Value, read: impl Fn(&Value) -> Option<Option<String>>) -> Option<Vec<String>> {
    let elements = match value {
        Value::Array(many) => many.as_slice(),
        one => std::slice::from_ref(one),
    };
    let told = elements.iter().filter(|element| !says_nothing(element));
    let is_flat = !elements.iter().any(Value::is_array);
    let read: Option<Vec<_>> = told.map(read).collect();
    Some(read?.into_iter().flatten().collect()).filter(|_| is_flat)
}

/// A claim that is true or false, also as a text.
pub(super) fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(told) => Some(*told),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// A claim that is a number of seconds, also as a text.
pub(super) fn seconds(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let seconds = number.as_f64().filter(|seconds| seconds.is_finite())?;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "`as` saturates, and fractions of a second do not matter"
            )]
            Some(seconds as i64)
        }),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_text_may_be_a_whole_number_or_a_list_of_one() {
        for (value, expected) in [
            (json!("a"), Some("a")),
            (json!(7), Some("7")),
            (json!(-7), Some("-7")),
            (
                json!(18_446_744_073_709_551_615_u64),
                Some("18446744073709551615"),
            ),
            (json!(["a"]), Some("a")),
            (json!([7]), Some("7")),
            (json!(1.5), None),
            (json!(1e30), None),
            (json!(true), None),
            (json!([]), None),
            (json!(["a", "b"]), None),
            (json!([["a"]]), None),
            (json!({"name": "a"}), None),
        ] {
            assert_eq!(text(&value).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn a_list_may_be_one_text_and_names_may_be_objects() {
        let list = |words: &[&str]| Some(words.iter().map(|w| (*w).to_owned()).collect());
        for (value, as_texts, as_names) in [
            (json!("a"), list(&["a"]), list(&["a"])),
            (json!(7), list(&["7"]), list(&["7"])),
            (json!([]), list(&[]), list(&[])),
            (
                json!(["a", 7, null, ""]),
                list(&["a", "7"]),
                list(&["a", "7"]),
            ),
            (
                json!([{"name": "a"}, {"id": 1}, {"name": null}]),
                None,
                list(&["a"]),
            ),
            (json!({"name": "a"}), None, list(&["a"])),
            (json!({"admins": true}), None, None),
            (json!([{"name": 7}]), None, list(&["7"])),
            (json!([{"name": true}]), None, None),
            (json!(["a", true]), None, None),
            (json!(["a", ["b"]]), None, None),
            (json!(true), None, None),
            (json!(1.5), None, None),
        ] {
            assert_eq!(texts(&value), as_texts, "{value}");
            assert_eq!(names(&value), as_names, "{value}");
        }
    }

    #[test]
    fn a_flag_may_be_its_text_and_nothing_else() {
        for (value, expected) in [
            (json!(true), Some(true)),
            (json!(false), Some(false)),
            (json!("true"), Some(true)),
            (json!("True"), Some(true)),
            (json!("false"), Some(false)),
            (json!("FALSE"), Some(false)),
            (json!("yes"), None),
            (json!(" true"), None),
            (json!(1), None),
            (json!(0), None),
            (json!([true]), None),
            (json!({}), None),
        ] {
            assert_eq!(flag(&value), expected, "{value}");
        }
    }

    #[test]
    fn seconds_may_be_a_text() {
        for (value, expected) in [
            (json!(7), Some(7)),
            (json!(7.9), Some(7)),
            (json!("7"), Some(7)),
            (json!("soon"), None),
            (json!([7]), None),
        ] {
            assert_eq!(seconds(&value), expected, "{value}");
        }
    }
}
