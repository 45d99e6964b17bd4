//! What scripts of other origins may read (Fetch §3.2).
//!
//! Never with credentials: the endpoints for scripts act on what is sent to them and on no cookie.
//! So any header a script asks for may be allowed, unless the tenant names some.

use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderValue, ORIGIN, VARY,
};
use actix_web::{HttpRequest, HttpResponse};
use insula_model::{Cors, CorsOrigins, PreflightForm};

use crate::respond::{self, PreflightRefusal};

/// What every client of an authorization server sends.
const USUAL: [&str; 2] = ["Authorization", "Content-Type"];
/// Headers a browser sends without asking, as dex counts them.
const DEX_SAFELISTED: [&str; 4] = ["accept", "accept-language", "content-language", "origin"];
/// More names than any client asks for, and longer ones than there are.
const MOST_NAMES: usize = 64;
const LONGEST_NAME: usize = 64;

/// Whether a request is a question of a browser before a script's own request.
pub(crate) fn is_preflight(method: &Method, cors: &Cors, form: PreflightForm) -> bool {
    // dex without origins knows no CORS: its endpoints answer OPTIONS as any other method.
    *method == Method::OPTIONS
        && (form == PreflightForm::Fetch || cors.origins != CorsOrigins::None)
}

/// Answers a preflight.
pub(crate) fn preflight(request: &HttpRequest, cors: &Cors, form: PreflightForm) -> HttpResponse {
    let mut answer = match form {
        PreflightForm::Fetch => standard(request, cors),
        PreflightForm::Dex => as_dex(request, cors),
    };
    if answer.status().is_success() {
        let_read(&mut answer, request, cors);
    }
    answer
}

/// Lets scripts read an answer, also a refusal. What stands in a cache may be handed to a script of
/// another origin later: where the answer differs by origin, it says so to everybody.
pub(crate) fn let_read(answer: &mut HttpResponse, request: &HttpRequest, cors: &Cors) {
    let allowed = allowed_origin(request, cors);
    let headers = answer.headers_mut();
    if matches!(cors.origins, CorsOrigins::Listed(_)) {
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(origin) = allowed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
}

/// The value of `Access-Control-Allow-Origin`.
fn allowed_origin(request: &HttpRequest, cors: &Cors) -> Option<HeaderValue> {
    match &cors.origins {
        CorsOrigins::None => None,
        CorsOrigins::Any => Some(HeaderValue::from_static("*")),
        CorsOrigins::Listed(listed) => {
            let origin = request.headers().get(ORIGIN)?;
            let is_listed = listed
                .iter()
                .any(|known| known.as_bytes() == origin.as_bytes());
            is_listed.then(|| origin.clone())
        }
    }
}

fn standard(request: &HttpRequest, cors: &Cors) -> HttpResponse {
    let mut answer = HttpResponse::NoContent();
    answer.insert_header((VARY, "Access-Control-Request-Headers"));
    if allowed_origin(request, cors).is_none() {
        return answer.finish();
    }
    let mut names: Vec<&str> = USUAL.to_vec();
    for name in asked(request).filter(|name| is_name(name)).take(MOST_NAMES) {
        let is_new = !names.iter().any(|known| known.eq_ignore_ascii_case(name));
        let is_allowed = cors
            .headers
            .as_ref()
            .is_none_or(|list| is_among(name, list));
        if is_new && is_allowed {
            names.push(name);
        }
    }
    answer
        .insert_header((ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"))
        .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, names.join(", ")))
        .insert_header((ACCESS_CONTROL_MAX_AGE, "600"))
        .finish()
}

/// dex answers 200 and tells by the status what it does not allow.
fn as_dex(request: &HttpRequest, cors: &Cors) -> HttpResponse {
    let has_origin = request.headers().contains_key(ORIGIN);
    if !has_origin || allowed_origin(request, cors).is_none() {
        return HttpResponse::Ok().finish();
    }
    let Some(method) = request.headers().get(ACCESS_CONTROL_REQUEST_METHOD) else {
        return respond::preflight_refused(PreflightRefusal::NoMethod);
    };
    if !matches!(method.as_bytes(), b"GET" | b"HEAD" | b"POST") {
        return respond::preflight_refused(PreflightRefusal::Method);
    }
    let mut names = Vec::new();
    for name in asked(request).take(MOST_NAMES) {
        if name.is_empty()
            || DEX_SAFELISTED
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
        {
            continue;
        }
        let is_allowed = cors
            .headers
            .as_ref()
            .is_none_or(|list| is_among(name, list));
        if !is_name(name) || !is_allowed {
            return respond::preflight_refused(PreflightRefusal::Header);
        }
        names.push(canonical(name));
    }
    let mut answer = HttpResponse::Ok();
    if !names.is_empty() {
        answer.insert_header((ACCESS_CONTROL_ALLOW_HEADERS, names.join(",")));
    }
    answer.finish()
}

/// The names of headers that a script wants to send.
fn asked(request: &HttpRequest) -> impl Iterator<Item = &str> {
    let lines = request.headers().get_all(ACCESS_CONTROL_REQUEST_HEADERS);
    let texts = lines.filter_map(|line| line.to_str().ok());
    texts.flat_map(|text| text.split(',').map(str::trim))
}

/// A `token` of RFC 9110 §5.6.2 of a length that headers have.
fn is_name(name: &str) -> bool {
    let is_tchar = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(is_tchar)
}

fn is_among(name: &str, list: &[String]) -> bool {
    list.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// As dex writes the names back: `X-Requested-With`.
fn canonical(name: &str) -> String {
    let mut begins = true;
    let letter = |c: char| {
        let cased = if begins {
            c.to_ascii_uppercase()
        } else {
            c.to_ascii_lowercase()
        };
        begins = c == '-';
        cased
    };
    name.chars().map(letter).collect()
}
