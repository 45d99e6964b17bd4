//! Claims as the language knows them.

/// What a value costs beside its text, in bytes: so a list has a thousand members at most, and what
/// compares all of them with all others a million steps.
const EACH_VALUE: usize = 16;

/// How much was written, against what may be.
pub(crate) struct Written(usize);

impl Written {
    pub(crate) fn up_to(most: usize) -> Self {
        Self(most)
    }

    /// `None` once it is too much.
    fn more(&mut self, bytes: usize) -> Option<()> {
        self.0 = self.0.checked_sub(bytes)?;
        Some(())
    }
}

pub(crate) mod cel_value {
    use std::collections::HashMap;
    use std::sync::Arc;

    use cel::Value;
    use cel::objects::{Key, Map};
    use serde_json::Value as Json;

    use super::{EACH_VALUE, Written};

    /// An object; `None` if it is too large.
    pub(crate) fn of_object(
        object: &serde_json::Map<String, Json>,
        written: &mut Written,
    ) -> Option<Value> {
        let mut map = HashMap::with_capacity(object.len());
        for (name, value) in object {
            written.more(name.len())?;
            let key = Key::String(Arc::new(name.clone()));
            map.insert(key, of(value, written)?);
        }
        let map = Arc::new(map);
        Some(Value::Map(Map { map }))
    }

    fn of(json: &Json, written: &mut Written) -> Option<Value> {
        written.more(EACH_VALUE)?;
        Some(match json {
            Json::Null => Value::Null,
            Json::Bool(is) => Value::Bool(*is),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => Value::Int(number),
                (None, Some(number)) => Value::UInt(number),
                (None, None) => Value::Float(number.as_f64()?),
            },
            Json::String(text) => {
                written.more(text.len())?;
                Value::String(Arc::new(text.clone()))
            }
            Json::Array(all) => {
                let all: Option<Vec<_>> = all.iter().map(|one| of(one, written)).collect();
                Value::List(Arc::new(all?))
            }
            Json::Object(object) => of_object(object, written)?,
        })
    }
}
