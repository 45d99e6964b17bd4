//! What is the same for everybody: discovery, keys, static files, the front page.

use std::sync::Arc;

use actix_web::http::header::{
    AcceptEncoding, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, Encoding, Header as _,
    HeaderValue, IfNoneMatch, VARY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use insula_flows::have_promised_keys_made;
use insula_tenancy::{TenantHandle, TenantSnapshot};
use insula_theming::{AskedBy, Asset, EntityTag, Home, SignedIn, has_hash};

use crate::context::Context;
use crate::respond::Surface;
use crate::{page, respond};

/// Provider metadata, decided when the snapshot was made.
pub(crate) fn discovery(snapshot: &TenantSnapshot) -> HttpResponse {
    let mut answer = json();
    if snapshot.view.rules().metadata_is_cacheable {
        let keep = HeaderValue::from_static("public, max-age=300");
        answer.insert_header((CACHE_CONTROL, keep));
    }
    answer.body(snapshot.discovery_json())
}

/// What the upstream of a connector reads about us.
pub(crate) fn of_connector(ctx: &Context, connector: &str) -> Option<HttpResponse> {
    let metadata = insula_flows::callback::metadata(&ctx.snapshot.view, connector)?;
    let keep = HeaderValue::from_static("public, max-age=300");
    let mut answer = HttpResponse::Ok();
    answer.content_type(metadata.media_type);
    answer.insert_header((CACHE_CONTROL, keep));
    Some(answer.body(metadata.body))
}

/// The tenant's public keys. A key is announced for longer than this answer may be kept, so no
/// client ever meets a `kid` it cannot know.
pub(crate) fn keys(snapshot: &TenantSnapshot) -> HttpResponse {
    let is_whole = snapshot.view.keys.promised().is_empty();
    // A key that is still being made may sign as soon as it is: this set is not to be kept.
    let max_age = if is_whole {
        snapshot.jwks_max_age.as_secs()
    } else {
        0
    };
    json()
        .insert_header((CACHE_CONTROL, format!("max-age={max_age}, must-revalidate")))
        .body(snapshot.jwks_json.clone())
}

/// The tenant with all keys it promises. Nobody was told its keys before, so that they are made now.
pub(crate) async fn with_all_keys(
    handle: &TenantHandle,
    snapshot: Arc<TenantSnapshot>,
) -> Arc<TenantSnapshot> {
    if snapshot.view.keys.promised().is_empty() {
        return snapshot;
    }
    have_promised_keys_made(&snapshot.view).await;
    handle.snapshot()
}

/// Values that never change are not copied: these two answers are most of what is asked for.
fn json() -> HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")))
        .insert_header((X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")));
    answer
}

/// A static file of the theme; `None` where a person has to be told that there is none. Who asks for
/// a hash follows a page, and needs no other.
pub(crate) fn file(
    request: &HttpRequest,
    snapshot: &TenantSnapshot,
    path: &str,
) -> Option<HttpResponse> {
    match snapshot.theme.asset(path) {
        Some((asset, asked_by)) => Some(contents(request, snapshot, asset, asked_by)),
        None if has_hash(path) => Some(respond::no_such_file()),
        None => None,
    }
}

/// A file, packed for whoever takes it so.
fn contents(
    request: &HttpRequest,
    snapshot: &TenantSnapshot,
    asset: Asset,
    asked_by: AskedBy,
) -> HttpResponse {
    let is_packable = asset.packed.is_some();
    let packed = asset.packed.filter(|_| accepts_gzip(request));
    let tag = match packed {
        Some(_) => asset.packed_tag,
        None => asset.tag,
    };
    let is_known = knows(request, &tag);
    let mut answer = if is_known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    let keep = match asked_by {
        AskedBy::Hash => "public, max-age=31536000, immutable",
        AskedBy::Name => "max-age=300",
        AskedBy::OtherHash => "no-store",
    };
    answer
        .insert_header((CACHE_CONTROL, HeaderValue::from_static(keep)))
        .insert_header((CONTENT_TYPE, HeaderValue::from_static(asset.content_type)));
    if let Ok(tag) = HeaderValue::from_maybe_shared(tag.quoted().clone()) {
        answer.insert_header((ETAG, tag));
    }
    if is_packable {
        let by = HeaderValue::from_static("Accept-Encoding");
        answer.insert_header((VARY, by));
    }
    // An SVG opened by itself is a document: it may run nothing and load nothing.
    page::harden(
        &mut answer,
        "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        &snapshot.view.spec,
    );
    match packed {
        _ if is_known => answer.finish(),
        Some(packed) => {
            let gzip = HeaderValue::from_static("gzip");
            answer.insert_header((CONTENT_ENCODING, gzip)).body(packed)
        }
        None => answer.body(asset.bytes),
    }
}

fn accepts_gzip(request: &HttpRequest) -> bool {
    let ours = [Encoding::gzip(), Encoding::identity()];
    AcceptEncoding::parse(request)
        .is_ok_and(|accepted| accepted.negotiate(ours.iter()) == Some(Encoding::gzip()))
}

/// Compared weakly, as `If-None-Match` is (RFC 9110 §13.1.2).
fn knows(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(known)) => known.iter().any(|known| tag.is(known.tag())),
        Err(_) => false,
    }
}

/// The issuer's front page, which says who is logged in, if anybody is. What is known of a browser is
/// no part of what scripts of other origins may read: they come without its cookies.
pub(crate) async fn home(ctx: &Context) -> HttpResponse {
    let issuer = &ctx.spec().issuer;
    let signed_in = insula_flows::home::signed_in(&ctx.snapshot.view, &ctx.browser()).await;
    let signed_in = match signed_in {
        Ok(signed_in) => signed_in,
        Err(failure) => return respond::fail(ctx, Surface::Browser, failure),
    };
    let page = Home {
        issuer: issuer.as_str().to_owned(),
        discovery_url: issuer.url("/.well-known/openid-configuration"),
        signed_in: signed_in.map(|known| SignedIn {
            person: known.person,
            email: known.email,
            email_verified: known.email_verified,
            groups: known.groups,
            connector_name: known.connector_name,
            minutes_since: known.since.as_secs() / 60,
            minutes_left: known.left.as_secs() / 60,
            longer_if_used: known.longer_if_used,
            logout_url: ctx.link("/logout"),
        }),
    };
    respond::show(ctx, &page.into())
}

/// Nobody's pages here are worth a search engine's time.
pub(crate) fn robots() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/plain; charset=utf-8"))
        .body("User-agent: *\nDisallow: /\n")
}
