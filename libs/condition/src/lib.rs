//! Conditions over the claims of a token, in the
//! [Common Expression Language](https://github.com/google/cel-spec).
//!
//! Owns the expression language and its bounds. Owns no claim and no decision: what follows from a
//! condition that holds is the caller's.
//!
//! An expression is bounded before it is ever evaluated: its length, its nesting, its variables and
//! its functions. No function of it makes a value larger than those it is given, and a loop holds no
//! other loop, so that memory grows with the claims at most, and work with their square (`in` within a
//! loop). They are bounded: 16 KiB, of which each value takes 16 bytes. There is no clock to run out.

mod check;
mod value;

use std::fmt;
use std::sync::{Arc, LazyLock};

use cel::{Context, Env, ExecutionError, Program, Value};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Map;
use thiserror::Error;

use self::value::{Written, cel_value};

/// The longest expression, in bytes.
pub const LONGEST: usize = 2_048;
/// How deeply an expression may be nested.
const DEEPEST: u16 = 48;
/// The largest claims that are judged, in bytes of their values.
pub const LARGEST_CLAIMS: usize = 16 * 1_024;

/// The one variable of an expression.
const CLAIMS: &str = "claims";

static LANGUAGE: LazyLock<Arc<Env>> =
    LazyLock::new(|| Arc::new(Env::stdlib().with_optional_support(false)));

/// A compiled condition.
///
/// ```
/// use insula_condition::Condition;
/// use serde_json::json;
/// let condition: Condition = r#"claims.repository == "acme/shop""#.parse()?;
/// let ours = json!({"repository": "acme/shop"});
/// let others = json!({"repository": "evil/shop"});
/// assert_eq!(condition.holds(ours.as_object().unwrap()), Ok(true));
/// assert_eq!(condition.holds(others.as_object().unwrap()), Ok(false));
/// # Ok::<(), insula_condition::NotACondition>(())
/// ```
#[derive(Clone)]
pub struct Condition {
    text: Arc<str>,
    program: Arc<Program>,
}

/// Why a text is no condition. Says where in the text, if that is known.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotACondition {
    /// Longer than [`LONGEST`].
    #[error("is longer than {LONGEST} bytes")]
    TooLong,
    /// Not of the language.
    #[error("is not an expression: {what} at character {column} of line {line}")]
    Syntax {
        /// What the parser says.
        what: String,
        /// Counted from one.
        line: usize,
        /// Counted from one.
        column: usize,
    },
    /// A name that stands for nothing.
    #[error("names {0:?}, but the only variable is \"claims\"")]
    UnknownVariable(String),
    /// A function or operator that conditions do not have.
    #[error("uses {0}, which conditions do not have")]
    UnknownFunction(String),
    /// Nested more deeply than anybody writes.
    #[error("is nested too deeply")]
    TooDeep,
    /// A loop within a loop.
    #[error("has a loop within a loop")]
    NestedLoop,
    /// What can never be true or false.
    #[error("is never true or false")]
    NotABool,
}

/// Why a condition could not be judged. Carries no claim's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotJudged {
    /// It compares or combines what cannot be.
    #[error("a claim is of another type than the condition needs")]
    WrongType,
    /// The result is neither true nor false.
    #[error("the result is neither true nor false")]
    NotABool,
    /// The claims are larger than [`LARGEST_CLAIMS`].
    #[error("the claims are larger than {LARGEST_CLAIMS} bytes")]
    TooLarge,
}

impl Condition {
    /// Compiles a text.
    pub fn parse(text: &str) -> Result<Self, NotACondition> {
        if text.len() > LONGEST {
            return Err(NotACondition::TooLong);
        }
        // The parser calls itself for each of these before anything counts how deep it is.
        let nests = text.bytes().filter(|byte| b"([{?".contains(byte));
        if nests.count() > usize::from(DEEPEST) {
            return Err(NotACondition::TooDeep);
        }
        let parser = LANGUAGE.parser().max_recursion_depth(DEEPEST);
        let parsed = parser.parse(text).map_err(|errors| syntax(&errors))?;
        check::check(&parsed)?;
        // Parsed once more, because only the environment makes programs; it was found good above.
        let program = LANGUAGE.compile(text).map_err(|errors| syntax(&errors))?;
        Ok(Self {
            text: text.into(),
            program: Arc::new(program),
        })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it holds for these claims. A claim that is not there makes it false, unless the
    /// expression asks for that with `has`.
    pub fn holds(&self, claims: &Map<String, serde_json::Value>) -> Result<bool, NotJudged> {
        let mut written = Written::up_to(LARGEST_CLAIMS);
        let claims = cel_value::of_object(claims, &mut written).ok_or(NotJudged::TooLarge)?;
        let mut context = Context::with_env(Arc::clone(&LANGUAGE));
        context.add_variable_from_value(CLAIMS, claims);
        match self.program.execute(&context) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(_) => Err(NotJudged::NotABool),
            Err(ExecutionError::NoSuchKey(_)) => Ok(false),
            Err(_) => Err(NotJudged::WrongType),
        }
    }
}

fn syntax(errors: &cel::ParseErrors) -> NotACondition {
    let counted = |at: isize| usize::try_from(at).unwrap_or(0).max(1);
    let (what, at) = match errors.errors.first() {
        Some(first) => {
            let what = first.msg.lines().next().unwrap_or_default();
            let what: String = what.chars().filter(|c| !c.is_control()).take(160).collect();
            (what, first.pos)
        }
        None => ("it is empty".to_owned(), (1, 1)),
    };
    NotACondition::Syntax {
        what,
        line: counted(at.0),
        column: counted(at.1),
    }
}

impl std::str::FromStr for Condition {
    type Err = NotACondition;

    fn from_str(text: &str) -> Result<Self, NotACondition> {
        Self::parse(text)
    }
}

/// As its text.
impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Condition").field(&self.text).finish()
    }
}

/// Equal texts are equal conditions.
impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Condition {}

#[cfg(test)]
mod tests;
