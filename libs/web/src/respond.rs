//! How an answer travels: the one table from cause to HTTP status, and the headers that go along.

mod client;
mod person;

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ContentType, HeaderValue, PRAGMA, RETRY_AFTER, VARY,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpResponse, HttpResponseBuilder};
use data_encoding::BASE64;
use insula_engine::Refusal;
use insula_engine::authorize::ReplyTo;
use insula_flows::{Fault, FlowError, Negotiate};
use insula_model::RefusalForm;
use insula_oauth::{ErrorCode, OAuthError};
use insula_theming::{ErrorPage, plain_error};
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};
use tracing::{debug, error, info};

use self::client::tell_client;
use self::person::{connector_name, connector_page, error_page, page_status};
use crate::context::Context;
use crate::route::Probe;
use crate::{outages, page};

/// The scheme in which browsers show Kerberos tickets.
const NEGOTIATE: &str = "Negotiate";

/// When it is worth asking again after something of ours was away: most outages are a restart or a
/// reconnection.
const TEMPORARILY_S: u64 = 1;

pub(crate) use client::{redirect, reply};
pub(crate) use person::{show, show_in};

/// Who hears the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surface {
    /// A person's browser: a page, or a redirect to the client.
    Browser,
    /// A client's program: JSON (RFC 6749 §5.2).
    Program,
    /// A client's program with an access token: JSON and a Bearer challenge (RFC 6750 §3).
    Bearer,
}

/// Carries a failure, whatever it is, to whoever must hear it.
pub(crate) fn fail(ctx: &Context, surface: Surface, failure: FlowError) -> HttpResponse {
    match failure {
        FlowError::Refused(refused) => {
            let cause = &refused.refusal;
            let from = from(ctx, surface);
            let why = cause.description(RefusalForm::Rfc);
            if cause.is_to_wait() {
                debug!("told to wait: {why}");
            } else {
                info!(refusal = ?cause, client_remote_addr = from, "refused: {why}");
            }
            refuse(ctx, surface, cause, refused.reply_to.as_ref())
        }
        FlowError::Fault { fault, reply_to } => {
            match &fault {
                Fault::Connector { connector, cause } => {
                    outages::tell(ctx, connector, cause, &fault.to_string());
                }
                _ => error!(incident.id = %ctx.request_id, "{fault}"),
            }
            let is_heard = |to: &&ReplyTo| surface == Surface::Browser && !to.is_out_of_band();
            match reply_to.as_deref().filter(is_heard) {
                Some(reply_to) if !matches!(fault, Fault::Connector { .. }) => {
                    tell_client(ctx, reply_to, fault_code(&fault), "try again later")
                }
                _ => fault_answer(ctx, surface, &fault),
            }
        }
    }
}

/// From where a login was refused; a program's refusals do not say.
fn from(ctx: &Context, surface: Surface) -> Option<String> {
    let is_left_out = |name: &String| name == "client_remote_addr";
    let address = ctx.client_address.filter(|_| surface == Surface::Browser)?;
    (!ctx.spec().log_exclude.iter().any(is_left_out)).then(|| address.to_string())
}

/// Carries a refusal.
pub(crate) fn refuse(
    ctx: &Context,
    surface: Surface,
    refusal: &Refusal,
    reply_to: Option<&ReplyTo>,
) -> HttpResponse {
    let form = ctx.rules().refusals;
    let (code, description) = (refusal.code(form), refusal.description(form));
    let is_heard = |to: &&ReplyTo| surface == Surface::Browser && !to.is_out_of_band();
    if let Some(reply_to) = reply_to.filter(is_heard) {
        return tell_client(ctx, reply_to, code, &description);
    }
    let mut answer = match surface {
        Surface::Browser => page::answer(ctx, &error_page(ctx, refusal).into(), page_status),
        Surface::Program | Surface::Bearer => {
            let status = program_status(refusal, form);
            let body = OAuthError {
                error: code,
                error_description: description.into_owned(),
            };
            json(status, &body, Cacheable::No)
        }
    };
    if let Refusal::TooManyRequests { retry_after_s } | Refusal::Overloaded { retry_after_s } =
        refusal
    {
        answer
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(*retry_after_s));
    }
    if let Some(challenge) = challenge(ctx, refusal, surface, answer.status(), code) {
        answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    answer
}

/// Says beside an answer what the scheme `Negotiate` has to say
/// ([RFC 4559 §4](https://www.rfc-editor.org/rfc/rfc4559#section-4)). The page of who is asked stays
/// as it is: browsers without a ticket show it.
pub(crate) fn negotiate(answer: &mut HttpResponse, said: &Negotiate) {
    let challenge = match said {
        Negotiate::Ask => {
            *answer.status_mut() = StatusCode::UNAUTHORIZED;
            HeaderValue::from_static(NEGOTIATE)
        }
        Negotiate::Answer(token) => {
            let text = format!("{NEGOTIATE} {}", BASE64.encode(token));
            let Ok(text) = HeaderValue::from_str(&text) else {
                return;
            };
            text
        }
    };
    answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
}

/// A wait in whole seconds, as `Retry-After` tells it: never too short.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    let seconds = wait.as_secs();
    let begun = u64::from(wait.subsec_nanos() > 0);
    (seconds + begun).max(1)
}

/// What those hear whose requests are too many: a few bytes, made without a theme, so that refusing
/// is cheaper than asking.
pub(crate) fn throttled(surface: Surface, wait: Duration) -> HttpResponse {
    let retry_after_s = whole_seconds(wait);
    let refusal = Refusal::TooManyRequests { retry_after_s };
    let mut answer = if surface == Surface::Browser {
        let message = "Too many people are signing in here, or you asked too often. \
                       Please wait a moment and try again.";
        HttpResponseBuilder::new(StatusCode::TOO_MANY_REQUESTS)
            .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header(("X-Content-Type-Options", "nosniff"))
            .insert_header((
                "Content-Security-Policy",
                "default-src 'none'; frame-ancestors 'none'",
            ))
            .body(plain_error(429, "Just a moment", message))
    } else {
        let body = OAuthError {
            error: refusal.code(RefusalForm::Rfc),
            error_description: refusal.description(RefusalForm::Rfc).into_owned(),
        };
        json(StatusCode::TOO_MANY_REQUESTS, &body, Cacheable::No)
    };
    answer
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(retry_after_s));
    answer
}

/// What a page hears that names a file which is not there: nobody reads it, so no page is made.
pub(crate) fn no_such_file() -> HttpResponse {
    HttpResponse::NotFound()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .insert_header(ContentType::plaintext())
        .insert_header((X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
        .body("404 page not found\n")
}

/// The media type of a signed answer of introspection
/// ([RFC 9701 §5](https://www.rfc-editor.org/rfc/rfc9701#section-5)).
pub(crate) const INTROSPECTION_JWT: &str = "application/token-introspection+jwt";

/// A signed answer of introspection.
pub(crate) fn introspection_jwt(signed: String) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, HeaderValue::from_static(INTROSPECTION_JWT)))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .insert_header((PRAGMA, HeaderValue::from_static("no-cache")))
        .insert_header((VARY, HeaderValue::from_static("Accept")))
        .insert_header((X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
        .body(signed)
}

/// What dex does not allow a script of another origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PreflightRefusal {
    /// It did not say which method it wants.
    NoMethod,
    /// Not this method.
    Method,
    /// Not one of these headers.
    Header,
}

/// Tells a browser, as dex does, by the status alone what its script may not do.
pub(crate) fn preflight_refused(refusal: PreflightRefusal) -> HttpResponse {
    HttpResponseBuilder::new(match refusal {
        PreflightRefusal::NoMethod => StatusCode::BAD_REQUEST,
        PreflightRefusal::Method => StatusCode::METHOD_NOT_ALLOWED,
        PreflightRefusal::Header => StatusCode::FORBIDDEN,
    })
    .finish()
}

/// The status of a refusal that a program hears (RFC 6749 §5.2, RFC 6750 §3.1, RFC 6585 §4).
fn program_status(refusal: &Refusal, form: RefusalForm) -> StatusCode {
    let dex = form == RefusalForm::Dex;
    match refusal {
        Refusal::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Overloaded { .. } => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::MethodNotAllowed(_) | Refusal::IntrospectionByMethod(_) if !dex => {
            StatusCode::METHOD_NOT_ALLOWED
        }
        Refusal::ClientCredentials | Refusal::UnknownClient => StatusCode::UNAUTHORIZED,
        Refusal::ClientAuth(_) if refusal.code(form) == ErrorCode::InvalidClient => {
            StatusCode::UNAUTHORIZED
        }
        Refusal::RefreshDenied { .. } | Refusal::ExchangeScopes(_) if dex => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        Refusal::WrongPassword | Refusal::SubjectTokenRefused(_) if dex => StatusCode::UNAUTHORIZED,
        Refusal::BearerMissing => StatusCode::UNAUTHORIZED,
        Refusal::BearerInvalid if dex => StatusCode::FORBIDDEN,
        Refusal::BearerInvalid | Refusal::BearerOfAnotherAudience => StatusCode::UNAUTHORIZED,
        Refusal::BearerLacksOpenId => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_REQUEST,
    }
}

fn fault_code(fault: &Fault) -> ErrorCode {
    if fault.is_temporary() {
        ErrorCode::TemporarilyUnavailable
    } else {
        ErrorCode::ServerError
    }
}

fn fault_answer(ctx: &Context, surface: Surface, fault: &Fault) -> HttpResponse {
    let status = match fault {
        _ if !fault.is_temporary() => StatusCode::INTERNAL_SERVER_ERROR,
        Fault::Connector { .. } if ctx.rules().refusals == RefusalForm::Dex => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        Fault::Connector { .. } => StatusCode::BAD_GATEWAY,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut answer = if surface == Surface::Browser {
        fault_page(ctx, status, fault)
    } else {
        incident(ctx, status, fault_code(fault))
    };
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let seconds = HeaderValue::from(TEMPORARILY_S);
        answer.headers_mut().insert(RETRY_AFTER, seconds);
    }
    answer
}

fn fault_page(ctx: &Context, status: StatusCode, fault: &Fault) -> HttpResponse {
    let page = match fault {
        Fault::Connector { connector, cause } => {
            connector_page(connector_name(ctx, connector), cause).with_incident(&*ctx.request_id)
        }
        _ => ErrorPage::our_fault(&*ctx.request_id),
    };
    let page = ErrorPage {
        status: status.as_u16(),
        ..page
    };
    page::answer(ctx, &page.into(), page_status)
}

/// What a program hears of our failing: what to tell support, and no more.
fn incident(ctx: &Context, status: StatusCode, error: ErrorCode) -> HttpResponse {
    let body = OAuthError {
        error,
        error_description: format!("incident {}", ctx.request_id),
    };
    json(status, &body, Cacheable::No)
}

/// What is left to say when an endpoint panicked.
pub(crate) fn panicked(ctx: &Context, surface: Surface) -> HttpResponse {
    error!(incident.id = %ctx.request_id, "an endpoint panicked");
    if surface == Surface::Browser {
        let page = ErrorPage::our_fault(&*ctx.request_id);
        return show(ctx, &page.into());
    }
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    incident(ctx, status, ErrorCode::ServerError)
}

/// How the process is, for whoever watches the tenants' port: `/healthz` in dex's words and with
/// dex's 500. The telemetry listener says more.
pub(crate) fn health(probe: Probe, is_healthy: bool) -> HttpResponse {
    let (status, text) = match (probe, is_healthy) {
        (Probe::Health, true) => (StatusCode::OK, "Health check passed"),
        (Probe::Health, false) => (StatusCode::INTERNAL_SERVER_ERROR, "Health check failed."),
        (Probe::Live, _) | (Probe::Ready, true) => (StatusCode::OK, "ok"),
        (Probe::Ready, false) => (StatusCode::SERVICE_UNAVAILABLE, "not ready"),
    };
    HttpResponseBuilder::new(status)
        .insert_header((CONTENT_TYPE, "text/plain; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(text)
}

/// Whether an answer may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cacheable {
    /// It carries a token or a fact about a person (RFC 6749 §5.1).
    No,
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, body: &impl Serialize, keep: Cacheable) -> HttpResponse {
    let Ok(text) = serde_json::to_string(body) else {
        return HttpResponse::InternalServerError().finish();
    };
    let mut builder = HttpResponseBuilder::new(status);
    builder.insert_header((CONTENT_TYPE, "application/json"));
    builder.insert_header(("X-Content-Type-Options", "nosniff"));
    match keep {
        Cacheable::No => {
            builder.insert_header((CACHE_CONTROL, "no-store"));
            builder.insert_header((PRAGMA, "no-cache"));
        }
    }
    builder.body(text)
}

/// A JSON answer with dex's indentation, and what stands behind it.
pub(crate) fn indented(body: &impl Serialize, indent: &[u8], end: &str) -> HttpResponse {
    let mut text = Vec::new();
    let formatter = PrettyFormatter::with_indent(indent);
    let written = body.serialize(&mut Serializer::with_formatter(&mut text, formatter));
    if written.is_err() {
        return HttpResponse::InternalServerError().finish();
    }
    text.extend_from_slice(end.as_bytes());
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((PRAGMA, "no-cache"))
        .body(text)
}

/// `WWW-Authenticate`: Bearer for tokens (RFC 6750 §3), Basic for clients that tried it
/// (RFC 6749 §5.2). dex sends one at `/userinfo` only, and without parameters.
fn challenge(
    ctx: &Context,
    refusal: &Refusal,
    surface: Surface,
    status: StatusCode,
    code: ErrorCode,
) -> Option<HeaderValue> {
    if *refusal == Refusal::TicketRequired {
        return Some(HeaderValue::from_static(NEGOTIATE));
    }
    if ctx.rules().refusals == RefusalForm::Dex {
        let is_missing = surface == Surface::Bearer && status == StatusCode::UNAUTHORIZED;
        return is_missing.then(|| HeaderValue::from_static("Bearer"));
    }
    let realm = ctx.spec().issuer.as_str().replace(['"', '\\'], "");
    let is_about_the_token = matches!(
        status,
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
    );
    let text = match surface {
        Surface::Bearer if *refusal == Refusal::BearerMissing => {
            format!("Bearer realm=\"{realm}\"")
        }
        Surface::Bearer if is_about_the_token => format!(
            "Bearer realm=\"{realm}\", error=\"{}\", error_description=\"{}\"",
            code.as_str(),
            refusal.description(RefusalForm::Rfc)
        ),
        Surface::Program if status == StatusCode::UNAUTHORIZED => {
            format!("Basic realm=\"{realm}\"")
        }
        _ => return None,
    };
    HeaderValue::from_str(&text).ok()
}
