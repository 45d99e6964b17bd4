//! What a client hears at its redirect URI.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, LOCATION, PRAGMA};
use actix_web::{HttpResponse, HttpResponseBuilder};
use insula_engine::authorize::ReplyTo;
use insula_oauth::{ErrorCode, ResponseMode, encode_pairs};
use insula_theming::{FormPost, OutOfBand};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::show;
use crate::context::Context;

/// Must not stand in `Location` as they are: they could end the line.
const NOT_IN_HEADERS: &AsciiSet = &CONTROLS.add(b' ');

/// An error to the client at its proven redirect URI (RFC 6749 §4.1.2.1).
pub(super) fn tell_client(
    ctx: &Context,
    to: &ReplyTo,
    code: ErrorCode,
    description: &str,
) -> HttpResponse {
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
    let rules = ctx.rules();
    let empty = rules.answers_with_empty_state.then(String::new);
    if let Some(state) = to.state.clone().or(empty) {
        params.push(("state".to_owned(), state));
    }
    if rules.answers_with_issuer {
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

/// Sends the browser elsewhere. Never cached: the URL may carry a code or tokens (RFC 6749 §5.1).
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
        .insert_header((PRAGMA, "no-cache"))
        .insert_header(("Referrer-Policy", "no-referrer"))
        .finish()
}
