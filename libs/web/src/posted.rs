//! What a browser asks at a route that other sites may send it to by POST.

use actix_web::http::Method;
use actix_web::http::header::{HOST, HeaderMap, ORIGIN};
use actix_web::web;
use insula_engine::Refusal;
use insula_flows::{Outcome, posted};
use insula_oauth::{Params, encode_pairs};

use crate::context::Context;
use crate::read;
use crate::route::below;

/// Names the sealed parameters of a form that another site posted.
const POSTED: &str = "posted";

/// Says from which kind of site a request comes.
const FETCH_SITE: &str = "sec-fetch-site";

/// Marks a form that was sent once more from a page of ours. Anybody can set it, and it gives nobody more
/// than they have without it.
const AGAIN: &str = "posted_again";

/// What was asked, or how the browser is led to ask it again with its cookies.
pub(crate) enum Asked {
    /// In a query.
    Query(Params),
    /// In a form of ours, or of a program.
    Form(Params),
    /// In a form that another site began and that was sent once more, from a page of ours or from there:
    /// it comes with cookies, and is nobody's word.
    Resent(Params),
    /// Another site posted it: nothing can be judged before the browser asks again.
    Again(Outcome),
}

/// Reads the parameters of a request, however it came. A form that another site posted comes without
/// the cookies that say whose browser it is
/// ([RFC 6265bis §5.6.7](https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#section-5.6.7)):
/// the browser is sent to ask again by GET, or, with a form too long for a URL, from a page of ours.
///
/// `query_counts` says whether a POST without a form may have its parameters in the query.
pub(crate) async fn asked(
    ctx: &Context,
    payload: &mut web::Payload,
    query_counts: bool,
) -> Result<Asked, Refusal> {
    let query = read::query(&ctx.request)?;
    let route = below(ctx.spec().issuer.path(), ctx.request.path()).unwrap_or_default();
    let view = &ctx.snapshot.view;
    if matches!(*ctx.request.method(), Method::GET | Method::HEAD) {
        return match query.get(POSTED) {
            Some(word) => posted::open(view, route, word).map(Asked::Form),
            None => Ok(Asked::Query(query)),
        };
    }
    let form = read::form(&ctx.request, payload).await?;
    let params = if form.is_empty() && query_counts {
        query
    } else {
        form
    };
    let is_marked = params.get(AGAIN).is_some();
    let params = params.without(AGAIN);
    // A browser that does not tell by fetch metadata is not sent around in a circle.
    if is_marked && !is_told_to_be_from_elsewhere(ctx) {
        return Ok(Asked::Resent(params));
    }
    if !is_from_elsewhere(ctx) {
        return Ok(Asked::Form(params));
    }
    Ok(Asked::Again(match posted::seal(view, route, &params) {
        Some(word) => Outcome::Redirect {
            to: format!("{route}?{}", encode_pairs([(POSTED, word.as_str())])),
            see_other: true,
        },
        None => Outcome::PostForm {
            to: ctx.link(route),
            fields: fields_again(&params),
        },
    }))
}

fn fields_again(params: &Params) -> Vec<(String, String)> {
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let mark = (AGAIN.to_owned(), "1".to_owned());
    params.pairs().map(own).chain([mark]).collect()
}

/// Whether a browser posts on behalf of a page that is not ours. Fetch metadata tells
/// ([`Sec-Fetch-Site`](https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header)). Browsers that
/// send none tell by `Origin`; ours is `null` to them too, because our pages send no referrer, and
/// then a cookie of ours says that no other site began it. A program sends neither header.
pub(crate) fn is_from_elsewhere(ctx: &Context) -> bool {
    let headers = ctx.request.headers();
    match text(headers, FETCH_SITE) {
        Some(_) => is_told_to_be_from_elsewhere(ctx),
        None => match text(headers, ORIGIN.as_str()) {
            Some(origin) => !is_own(ctx, origin) && !has_cookies(ctx),
            None => false,
        },
    }
}

fn is_told_to_be_from_elsewhere(ctx: &Context) -> bool {
    let site = text(ctx.request.headers(), FETCH_SITE);
    site.is_some_and(|site| !matches!(site, "same-origin" | "none"))
}

fn is_own(ctx: &Context, origin: &str) -> bool {
    let issuer = ctx.spec().issuer.as_str();
    let rest = issuer.strip_prefix(origin);
    let is_issuers = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    let asked = text(ctx.request.headers(), HOST.as_str());
    is_issuers || (authority.is_some() && authority == asked)
}

fn has_cookies(ctx: &Context) -> bool {
    let browser = ctx.browser();
    !browser.bindings.is_empty() || !browser.sessions.is_empty()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
