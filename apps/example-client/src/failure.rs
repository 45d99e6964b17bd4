//! What went wrong, told so that an integrator can act on it.

use std::error::Error;

use openidconnect::core::CoreErrorResponseType;
use openidconnect::{RequestTokenError, StandardErrorResponse};
use serde::Serialize;

use crate::outgoing::Unreachable;

/// A step of the login that did not succeed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(crate) struct Failure {
    /// What was being done.
    pub(crate) step: &'static str,
    /// The OAuth error code, where the issuer gave one.
    pub(crate) code: Option<String>,
    /// What the issuer or this client has to say about it.
    pub(crate) description: String,
}

impl Failure {
    /// Found by this client, not told by the issuer.
    pub(crate) fn here(step: &'static str, description: impl Into<String>) -> Self {
        Self {
            step,
            code: None,
            description: description.into(),
        }
    }

    /// An error with all its causes.
    pub(crate) fn from_error(step: &'static str, error: &dyn Error) -> Self {
        let mut description = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            description.push_str(": ");
            description.push_str(&error.to_string());
            cause = error.source();
        }
        Self::here(step, description)
    }

    /// The answer of a token endpoint ([RFC 6749 §5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)),
    /// or why there was none.
    pub(crate) fn from_token_endpoint(
        step: &'static str,
        error: &RequestTokenError<Unreachable, StandardErrorResponse<CoreErrorResponseType>>,
    ) -> Self {
        let RequestTokenError::ServerResponse(answer) = error else {
            return Self::from_error(step, error);
        };
        Self {
            step,
            code: Some(answer.error().as_ref().to_owned()),
            description: answer
                .error_description()
                .cloned()
                .unwrap_or_else(|| "the issuer gave no description".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_oauth_error_keeps_its_code_and_description() {
        let answer = StandardErrorResponse::new(
            CoreErrorResponseType::InvalidGrant,
            Some("the code was used before".to_owned()),
            None,
        );
        let failure = Failure::from_token_endpoint(
            "redeeming the code",
            &RequestTokenError::ServerResponse(answer),
        );
        assert_eq!(failure.code.as_deref(), Some("invalid_grant"));
        assert_eq!(failure.description, "the code was used before");
    }

    #[test]
    fn another_error_is_told_with_its_causes() {
        let error = RequestTokenError::Request(Unreachable::TooLong);
        let failure = Failure::from_token_endpoint("redeeming the code", &error);
        assert_eq!(failure.code, None);
        assert!(
            failure.description.contains("longer than"),
            "{}",
            failure.description
        );
    }
}
