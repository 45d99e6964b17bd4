//! Themes, pages and languages: what a person sees.
//!
//! Owns every page people meet (chooser, password, consent, errors, logout), its templates, its
//! words in each language, the style sheets, scripts and other static files beside them at
//! content-hashed names. Owns no HTTP, no session and no protocol decision: callers
//! hand in a [`Page`] with typed data and carry the resulting [`Html`] to the browser.
//!
//! A theme is compiled once and shared; a tenant adds its [`Branding`], which is a handful of
//! values, so a hundred thousand tenants cost a hundred thousand brandings and one set of
//! templates. Only a tenant folder that overrides templates, texts or styles gets copies of its own.

mod asset;
mod branding;
mod color;
mod compiled;
mod csp;
mod embedded;
mod error;
mod library;
mod locale;
mod markup;
mod page;
mod palette;
mod plain;
mod sandbox;
mod source;
mod style;
mod texts;
mod theme;
mod theme_request;

pub use asset::{AskedBy, Asset, EntityTag, has_hash};
pub use branding::{Branding, Font, Links};
pub use color::{Color, ColorError};
pub use csp::content_security_policy;
pub use error::ThemeError;
pub use library::{ThemeLibrary, ThemeRequest};
pub use page::{
    Chooser, ConnectorChoice, Consent, DeviceAnswer, DeviceAnswered, DeviceAsked, DeviceCode,
    DeviceConfirm, DeviceError, ErrorPage, FormPost, Home, IdentifierError, IdentifierForm,
    LoggedOut, LogoutConfirm, Occasion, OutOfBand, Page, Password, PasswordError, ScopeItem,
    SignedIn, Unavailability, Unavailable,
};
pub use palette::{Colors, Scheme, Tokens};
pub use plain::plain_error;
pub use theme::{Drawn, Html, RenderContext, Theme};
pub use theme_request::theme_request;
