//! How an answer travels: the one table from cause to HTTP status, and the headers that go along.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE,
};
use actix_web::{HttpResponse, HttpResponseBuilder};
use insula_connector_kit::ConnectorError;
use insula_engine::authorize::ReplyTo;
use insula_engine::{Refusal, repeatable};
use insula_flows::{Fault, FlowError};
use insula_model::Dialect;
use insula_oauth::{ErrorCode, OAuthError, ResponseMode, encode_pairs};
use insula_theming::{ErrorPage, FormPost, OutOfBand, Page, plain_error};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;
use tracing::{error, info};

use crate::context::Context;
use crate::route::Probe;
use crate::{outages, page};

/// When it is worth asking again after something of ours was away: most outages are a restart or a
/// reconnection.
const TEMPORARILY_S: u64 = 1;

/// Must not stand in `Location` as they are: they could end the line.
const NOT_IN_HEADERS: &AsciiSet = &CONTROLS.add(b' ');

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
            let why = cause.description(Dialect::Standard);
            info!(refusal = ?cause, client_remote_addr = from, "refused: {why}");
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
    let dialect = ctx.dialect();
    let (code, description) = (refusal.code(dialect), refusal.description(dialect));
    let is_heard = |to: &&ReplyTo| surface == Surface::Browser && !to.is_out_of_band();
    if let Some(reply_to) = reply_to.filter(is_heard) {
        return tell_client(ctx, reply_to, code, &description);
    }
    let mut answer = match surface {
        Surface::Browser => page::answer(ctx, &error_page(ctx, refusal).into(), page_status),
        Surface::Program | Surface::Bearer => {
            let status = program_status(refusal, dialect);
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

/// What those hear whose requests are too many: a few bytes, made without a theme, so that refusing
/// is cheaper than asking.
pub(crate) fn throttled(surface: Surface, wait: Duration) -> HttpResponse {
    let retry_after_s = wait.as_secs().max(1);
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
            error: refusal.code(Dialect::Standard),
            error_description: refusal.description(Dialect::Standard).into_owned(),
        };
        json(StatusCode::TOO_MANY_REQUESTS, &body, Cacheable::No)
    };
    answer
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(retry_after_s));
    answer
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
fn program_status(refusal: &Refusal, dialect: Dialect) -> StatusCode {
    let dex = dialect == Dialect::Dex;
    match refusal {
        Refusal::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Overloaded { .. } => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::MethodNotAllowed(_) if !dex => StatusCode::METHOD_NOT_ALLOWED,
        Refusal::ClientCredentials | Refusal::UnknownClient => StatusCode::UNAUTHORIZED,
        Refusal::ClientAuth(_) if refusal.code(dialect) == ErrorCode::InvalidClient => {
            StatusCode::UNAUTHORIZED
        }
        Refusal::RefreshDenied { .. } if dex => StatusCode::INTERNAL_SERVER_ERROR,
        Refusal::BearerMissing => StatusCode::UNAUTHORIZED,
        Refusal::BearerInvalid if dex => StatusCode::FORBIDDEN,
        Refusal::BearerInvalid => StatusCode::UNAUTHORIZED,
        Refusal::BearerLacksOpenId => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// The status of a refusal that a person sees.
fn error_page(ctx: &Context, refusal: &Refusal) -> ErrorPage {
    let detail = refusal.description(ctx.dialect()).into_owned();
    let dex = ctx.dialect() == Dialect::Dex;
    match refusal {
        Refusal::TooManyRequests { .. } => ErrorPage::busy(None),
        Refusal::Overloaded { .. } => ErrorPage {
            status: 503,
            ..ErrorPage::busy(None)
        },
        Refusal::BadProof if dex => ErrorPage {
            status: 401,
            ..ErrorPage::expired(None)
        },
        Refusal::LoginUnknown | Refusal::LoginExpired | Refusal::WrongStage | Refusal::BadProof => {
            ErrorPage::expired(None)
        }
        Refusal::WrongBrowser => ErrorPage::cookies(None),
        Refusal::NotInGroup => ErrorPage::denied(None),
        // dex calls whatever a connector or a person answers its own failure.
        Refusal::UpstreamDenied(_) => ErrorPage {
            status: if dex { 500 } else { 403 },
            ..ErrorPage::denied(None)
        },
        Refusal::UpstreamDeclined { connector } => ErrorPage {
            status: if dex { 500 } else { 403 },
            ..ErrorPage::declined(connector_name(ctx, connector))
        },
        Refusal::ConsentDenied => ErrorPage {
            status: if dex { 500 } else { 403 },
            ..ErrorPage::not_allowed()
        },
        // A stranger can send one too, so in our dialect it counts as the asker's mistake.
        Refusal::UpstreamReply { connector, .. } => ErrorPage {
            status: if dex { 500 } else { 400 },
            ..ErrorPage::upstream_mistake(connector_name(ctx, connector), detail)
        },
        Refusal::ConnectorUnavailable { connector, .. } => {
            ErrorPage::connector_broken(connector_name(ctx, connector))
        }
        Refusal::UnknownClient if dex => ErrorPage {
            status: 404,
            ..ErrorPage::client_mistake(detail)
        },
        Refusal::MethodNotAllowed(_) if !dex => ErrorPage {
            status: 405,
            ..ErrorPage::client_mistake(detail)
        },
        _ => ErrorPage::client_mistake(detail),
    }
}

/// What the person knows a connector as.
fn connector_name<'a>(ctx: &'a Context, id: &'a str) -> &'a str {
    let spec = ctx.spec().connector(id);
    spec.map_or(id, |spec| spec.name.as_str())
}

/// What a connector's failure is to the person in front of it.
fn connector_page(name: &str, cause: &ConnectorError) -> ErrorPage {
    match cause {
        ConnectorError::Upstream(why)
        | ConnectorError::SaidToFail(why)
        | ConnectorError::BadReply(why) => ErrorPage::upstream_mistake(name, repeatable(why)),
        ConnectorError::Settings(_) | ConnectorError::Unsupported(_) => {
            ErrorPage::connector_broken(name)
        }
        _ => ErrorPage::upstream_down(name, None),
    }
}

fn page_status(page: &Page) -> StatusCode {
    let status = match page {
        Page::Error(error) => error.status,
        Page::Resting(_) => 503,
        Page::Password(form) if form.error.is_some() => match form.retry_after_s {
            Some(_) => 429,
            None => 401,
        },
        _ => 200,
    };
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Shows a page with the status that belongs to it.
pub(crate) fn show(ctx: &Context, page: &Page) -> HttpResponse {
    page::answer(ctx, page, page_status)
}

/// The same, in the languages a login was begun in.
pub(crate) fn show_in(ctx: &Context, page: &Page, ui_locales: &[String]) -> HttpResponse {
    page::answer_in(ctx, page, ui_locales, page_status)
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
        Fault::Connector { .. } if ctx.dialect() == Dialect::Dex => {
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

/// An error to the client at its proven redirect URI (RFC 6749 §4.1.2.1).
fn tell_client(ctx: &Context, to: &ReplyTo, code: ErrorCode, description: &str) -> HttpResponse {
    let mut params = vec![("error".to_owned(), code.as_str().to_owned())];
    if !description.is_empty() {
        params.push(("error_description".to_owned(), description.to_owned()));
    }
    reply(ctx, to, params)
}

/// An answer to the client, with `state` and, in our dialect, `iss`
/// ([RFC 9207 §2](https://www.rfc-editor.org/rfc/rfc9207#section-2)). dex sends `state` even when it
/// is empty, no `iss`, and its parameters in alphabetical order.
pub(crate) fn reply(
    ctx: &Context,
    to: &ReplyTo,
    mut params: Vec<(String, String)>,
) -> HttpResponse {
    if to.is_out_of_band() {
        let code = params.into_iter().find(|(name, _)| name == "code");
        let code = code.map(|(_, code)| code).unwrap_or_default();
        return show(ctx, &OutOfBand { code }.into());
    }
    match (&to.state, ctx.dialect()) {
        (Some(state), _) => params.push(("state".to_owned(), state.clone())),
        (None, Dialect::Dex) => params.push(("state".to_owned(), String::new())),
        (None, Dialect::Standard) => {}
    }
    if ctx.dialect() == Dialect::Standard {
        params.push(("iss".to_owned(), ctx.spec().issuer.as_str().to_owned()));
    }
    params.sort();
    if to.response_mode == ResponseMode::FormPost {
        let page = FormPost {
            action: to.redirect_uri.clone(),
            fields: params,
            client_name: None,
        };
        return show(ctx, &page.into());
    }
    let pairs = encode_pairs(params.iter().map(|(n, v)| (n.as_str(), v.as_str())));
    let to = if to.response_mode == ResponseMode::Fragment {
        format!("{}#{pairs}", to.redirect_uri)
    } else {
        with_query(&to.redirect_uri, &pairs)
    };
    redirect(&to, true)
}

/// What the URI has already, is kept (RFC 6749 §3.1.2).
fn with_query(uri: &str, pairs: &str) -> String {
    let (front, fragment) = match uri.find('#') {
        Some(at) => uri.split_at(at),
        None => (uri, ""),
    };
    let joiner = match front.find('?') {
        None => "?",
        Some(_) if front.ends_with(['?', '&']) => "",
        Some(_) => "&",
    };
    format!("{front}{joiner}{pairs}{fragment}")
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

/// Sends the browser elsewhere. Never cached: the URL may carry a code.
pub(crate) fn redirect(to: &str, see_other: bool) -> HttpResponse {
    let status = if see_other {
        StatusCode::SEE_OTHER
    } else {
        StatusCode::FOUND
    };
    HttpResponseBuilder::new(status)
        .insert_header((
            LOCATION,
            utf8_percent_encode(to, NOT_IN_HEADERS).to_string(),
        ))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(("Referrer-Policy", "no-referrer"))
        .finish()
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

/// `WWW-Authenticate`: Bearer for tokens (RFC 6750 §3), Basic for clients that tried it
/// (RFC 6749 §5.2). dex sends one at `/userinfo` only, and without parameters.
fn challenge(
    ctx: &Context,
    refusal: &Refusal,
    surface: Surface,
    status: StatusCode,
    code: ErrorCode,
) -> Option<HeaderValue> {
    if ctx.dialect() == Dialect::Dex {
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
            refusal.description(Dialect::Standard)
        ),
        Surface::Program if status == StatusCode::UNAUTHORIZED => {
            format!("Basic realm=\"{realm}\"")
        }
        _ => return None,
    };
    HeaderValue::from_str(&text).ok()
}
