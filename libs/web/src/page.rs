//! Pages on their way to a browser: rendered, and under a strict policy.
//!
//! They are sent as they are. A page holds what proves that a form is ours, beside words that others
//! choose: packed together, the length of the answer would tell of the one by the other
//! ([BREACH](https://www.breachattack.com)). What is large of a page is a file of its theme, and
//! files are packed.

use std::borrow::Cow;
use std::cmp::Reverse;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    AcceptLanguage, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE, Header as _, PRAGMA, Quality,
    RETRY_AFTER, VARY,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use insula_model::TenantSpec;
use insula_oauth::Params;
use insula_theming::{Occasion, Page, RenderContext, content_security_policy, plain_error};
use tracing::error;

use crate::context::Context;
use crate::route::{Route, below};

/// Renders a page and answers with it.
pub(crate) fn answer(ctx: &Context, page: &Page, status: fn(&Page) -> StatusCode) -> HttpResponse {
    answer_in(ctx, page, &asked_locales(ctx), status)
}

/// The same, in the languages a login was begun in.
pub(crate) fn answer_in(
    ctx: &Context,
    page: &Page,
    ui_locales: &[String],
    status: fn(&Page) -> StatusCode,
) -> HttpResponse {
    let page = &fitting(ctx, page);
    let theme = &ctx.snapshot.theme;
    let lang = theme.negotiate(ui_locales, &accepted_languages(&ctx.request));
    let drawn = theme.draw(
        page,
        &RenderContext {
            lang: &lang,
            base_path: ctx.spec().issuer.path(),
            dex_ids: ctx.rules().marks_pages_as_dex_does,
        },
    );
    let mut status = status(page);
    if let Some(fault) = &drawn.fault {
        let at = ctx.snapshot.view.effects.clock.monotonic().since_start();
        if let Some(times) = theme.note_failure(fault, at) {
            error!(tenant.id = %ctx.spec().id, incident.id = %ctx.request_id, failures = times,
                "a page could not be drawn, and the built-in one is shown: {fault}");
        }
    }
    let (body, lang) = match drawn.html {
        Some(html) => (html.body, html.lang),
        None => {
            // What was to be shown is not: that is no success, but an error stays what it was.
            if !status.is_client_error() && !status.is_server_error() {
                status = StatusCode::INTERNAL_SERVER_ERROR;
            }
            let message = format!("Please tell support this id: {}", ctx.request_id);
            (
                plain_error(status.as_u16(), "Something went wrong", &message),
                "en".to_owned(),
            )
        }
    };
    let mut builder = HttpResponseBuilder::new(status);
    builder
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CONTENT_LANGUAGE, lang))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((PRAGMA, "no-cache"))
        .insert_header((VARY, "Accept-Language, Cookie"));
    if let Some(seconds) = retry_after_s(page) {
        builder.insert_header((RETRY_AFTER, seconds.to_string()));
    }
    harden(&mut builder, &content_security_policy(page), ctx.spec());
    builder.body(body)
}

/// What HEAD is told of a page whose making would take a step of a login. Scanners of mails and
/// previewers of links ask so for what only the person may spend; HEAD is safe (RFC 9110 §9.2.1).
pub(crate) fn of_no_body(ctx: &Context) -> HttpResponse {
    let mut builder = HttpResponse::Ok();
    builder
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((VARY, "Accept-Language, Cookie"));
    harden(
        &mut builder,
        "default-src 'none'; frame-ancestors 'none'",
        ctx.spec(),
    );
    builder.finish()
}

/// An error in words that fit what the person was about.
fn fitting<'a>(ctx: &Context, page: &'a Page) -> Cow<'a, Page> {
    let Page::Error(error) = page else {
        return Cow::Borrowed(page);
    };
    let route = below(ctx.spec().issuer.path(), ctx.request.path()).and_then(Route::of);
    let occasion = route.map_or(Occasion::Visit, |route| route.occasion());
    Cow::Owned(error.clone().on(occasion).into())
}

/// Seconds until a page is worth asking for again, where it says so itself.
fn retry_after_s(page: &Page) -> Option<u64> {
    match page {
        Page::Password(form) => form.retry_after_s,
        Page::DeviceCode(form) => form.retry_after_min.map(|minutes| minutes * 60),
        Page::Unavailable(page) => page.retry_after_s,
        _ => None,
    }
}

/// Headers that keep a page from being framed, sniffed, or followed to where it came from.
pub(crate) fn harden(builder: &mut HttpResponseBuilder, policy: &str, spec: &TenantSpec) {
    builder
        .insert_header(("Content-Security-Policy", policy))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .insert_header(("X-Frame-Options", "DENY"))
        .insert_header(("Referrer-Policy", "no-referrer"));
    if spec.issuer.is_https() {
        builder.insert_header(("Strict-Transport-Security", "max-age=31536000"));
    }
}

/// What a browser prefers, the most wanted first, without what it refuses (RFC 9110 §12.5.4).
fn accepted_languages(request: &HttpRequest) -> Vec<String> {
    let Ok(AcceptLanguage(mut wishes)) = AcceptLanguage::parse(request) else {
        return Vec::new();
    };
    wishes.retain(|wish| wish.quality > Quality::ZERO);
    wishes.sort_by_key(|wish| Reverse(wish.quality));
    let tags = wishes.into_iter().filter_map(|wish| wish.item.into_item());
    tags.map(|tag| tag.to_string()).collect()
}

/// `ui_locales` of the URL, for pages that come before a request is known to be good.
fn asked_locales(ctx: &Context) -> Vec<String> {
    if !ctx.request.query_string().contains("ui_locales") {
        return Vec::new();
    }
    let query = Params::parse(ctx.request.query_string()).unwrap_or_default();
    let asked = query.get("ui_locales").unwrap_or_default();
    asked.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_browsers_languages_are_taken_by_quality() {
        for (told, expected) in [
            (&["de-AT,de;q=0.9,en;q=0.8"][..], &["de-AT", "de", "en"][..]),
            (&["de;q=0.2, fr;q=0.9"], &["fr", "de"]),
            (&["de;q=0, ja"], &["ja"]),
            (&["en;q=0.5", "fr"], &["fr", "en"]),
            (&[";;q=x,,*"], &[]),
            (&["de;q=x, de;q=1.5, de;q=-1, fr"], &["fr"]),
            (&["\u{e9}"], &[]),
            (&[""], &[]),
            (&[], &[]),
        ] {
            let mut request = TestRequest::default();
            for line in told {
                request = request.append_header(("accept-language", line.as_bytes()));
            }
            let found = accepted_languages(&request.to_http_request());
            assert_eq!(found, expected, "{told:?}");
        }
    }
}
