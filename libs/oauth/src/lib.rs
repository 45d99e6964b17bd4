//! The wire vocabulary of OAuth 2 and OpenID Connect: requests, responses, scopes and error codes.
