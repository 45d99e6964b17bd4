//! The browser- and client-facing HTTP.
