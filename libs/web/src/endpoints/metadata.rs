//! What is the same for everybody: discovery, keys, static files, the front page.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use insula_tenancy::TenantSnapshot;
use insula_theming::Home;

use crate::context::Context;
use crate::{page, respond};

/// Provider metadata, made when the snapshot was made.
pub(crate) fn discovery(snapshot: &TenantSnapshot) -> HttpResponse {
    let mut answer = json();
    if snapshot.view.rules().metadata_is_cacheable {
        let keep = HeaderValue::from_static("public, max-age=300");
        answer.insert_header((CACHE_CONTROL, keep));
    }
    answer.body(snapshot.discovery_json.clone())
}

/// The tenant's public keys. A key is announced for longer than this answer may be kept, so no
/// client ever meets a `kid` it cannot know.
pub(crate) fn keys(snapshot: &TenantSnapshot) -> HttpResponse {
    let max_age = snapshot.jwks_max_age.as_secs();
    json()
        .insert_header((CACHE_CONTROL, format!("max-age={max_age}, must-revalidate")))
        .body(snapshot.jwks_json.clone())
}

/// Values that never change are not copied: these two answers are most of what is asked for.
fn json() -> HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")))
        .insert_header((X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")));
    answer
}

/// A static file of the theme.
pub(crate) fn file(ctx: &Context, path: &str) -> Option<HttpResponse> {
    let asset = ctx.snapshot.theme.asset(path)?;
    let mut answer = if knows(&ctx.request, &asset.etag) {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    let keep = if asset.immutable {
        "public, max-age=31536000, immutable"
    } else {
        "max-age=300"
    };
    answer
        .insert_header((CACHE_CONTROL, keep))
        .insert_header((ETAG, asset.etag.as_ref()))
        .insert_header((CONTENT_TYPE, asset.content_type));
    // An SVG opened by itself is a document: it may run nothing and load nothing.
    page::harden(
        &mut answer,
        "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        ctx,
    );
    Some(if knows(&ctx.request, &asset.etag) {
        answer.finish()
    } else {
        answer.body(asset.bytes.to_vec())
    })
}

/// Compared weakly, as `If-None-Match` is (RFC 9110 §13.1.2).
fn knows(request: &HttpRequest, etag: &str) -> bool {
    let tags = request
        .headers()
        .get(IF_NONE_MATCH)
        .and_then(|v| v.to_str().ok());
    tags.is_some_and(|tags| {
        tags.split(',').map(str::trim).any(|tag| {
            let opaque = tag.strip_prefix("W/").unwrap_or(tag);
            opaque == etag || tag == "*"
        })
    })
}

/// The issuer's front page.
pub(crate) fn home(ctx: &Context) -> HttpResponse {
    let issuer = &ctx.spec().issuer;
    let page = Home {
        issuer: issuer.as_str().to_owned(),
        discovery_url: issuer.url("/.well-known/openid-configuration"),
    };
    respond::show(ctx, &page.into())
}

/// Nobody's pages here are worth a search engine's time.
pub(crate) fn robots() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/plain; charset=utf-8"))
        .body("User-agent: *\nDisallow: /\n")
}
