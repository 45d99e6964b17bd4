//! Which logins a browser has finished, so that going back to one leads to its app.
//!
//! Kept by the browser itself: for each of the last few logins a hash of its id, the origin it ended
//! at and the client, no code and nothing about a person. An origin counts only if it is that of a
//! redirect URI this client has now, whatever the cookie says.

use actix_web::HttpResponse;
use actix_web::cookie::time::Duration as CookieAge;
use data_encoding::BASE64URL_NOPAD;
use insula_engine::Refusal;
use insula_engine::authorize::ReplyTo;
use insula_flows::FlowError;
use insula_model::{Client, TokenHash};
use insula_theming::ErrorPage;
use tracing::{error, info};
use url::Url;

use crate::context::Context;
use crate::{browser, respond};

const FINISHED: &str = "insula_finished";

/// So many of the last logins are remembered.
const MOST: usize = 4;

/// Longer origins are not remembered.
const LONGEST_ORIGIN: usize = 200;

/// Clients with longer ids are not remembered.
const LONGEST_CLIENT_ID: usize = 200;

const LIFETIME: CookieAge = CookieAge::hours(1);

/// The answer that ends a login at the redirect URI of `to`, with a note of it for the browser.
pub(crate) fn noted(
    ctx: &Context,
    mut answer: HttpResponse,
    login: Option<&str>,
    to: Option<&ReplyTo>,
) -> HttpResponse {
    let (Some(login), Some(to)) = (login, to) else {
        return answer;
    };
    let this = mark(login);
    let before = cookie(ctx).unwrap_or_default();
    let others = before
        .split('~')
        .filter(|entry| !entry.is_empty() && !entry.starts_with(&this))
        .take(MOST - 1);
    let entry = format!("{this}.{}", app(to));
    let value = std::iter::once(entry.as_str())
        .chain(others)
        .collect::<Vec<_>>()
        .join("~");
    let spec = ctx.spec();
    let name = browser::full_name(spec, FINISHED);
    let cookie = browser::bake(spec, name, value, Some(LIFETIME));
    if let Err(cause) = answer.add_cookie(&cookie) {
        error!(incident.id = %ctx.request_id, "a cookie could not be set: {cause}");
    }
    answer
}

/// Where the app is whose login `failure` does not find, if this browser finished that login: an
/// origin, or empty for an app that no link leads to.
pub(crate) async fn app_of(
    ctx: &Context,
    login: &str,
    failure: &FlowError,
) -> Result<Option<String>, FlowError> {
    let FlowError::Refused(refused) = failure else {
        return Ok(None);
    };
    if refused.refusal != Refusal::LoginUnknown {
        return Ok(None);
    }
    let this = format!("{}.", mark(login));
    let known = cookie(ctx).unwrap_or_default();
    let Some(entry) = known.split('~').find_map(|e| e.strip_prefix(&this)) else {
        return Ok(None);
    };
    let Some((origin, client)) = remembered(entry) else {
        return Ok(Some(String::new()));
    };
    let client = ctx.snapshot.view.clients().find(&client).await?;
    let registered = client.filter(|client| is_registered(&origin, client));
    Ok(Some(registered.map(|_| origin).unwrap_or_default()))
}

/// What is remembered of the app: nothing where its origin or its client's id is too long.
fn app(to: &ReplyTo) -> String {
    let (origin, client) = (origin(&to.redirect_uri), to.client_id.as_str());
    if origin.is_empty() || client.len() > LONGEST_CLIENT_ID {
        return String::new();
    }
    let encoded = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    format!("{}.{}", encoded(&origin), encoded(client))
}

/// The origin of a remembered app, and its client.
fn remembered(entry: &str) -> Option<(String, String)> {
    let decoded =
        |text: &str| String::from_utf8(BASE64URL_NOPAD.decode(text.as_bytes()).ok()?).ok();
    let (origin, client) = entry.split_once('.')?;
    Some((decoded(origin)?, decoded(client)?))
}

/// Leads a person on who went back to a login that is finished. `origin` is its app's, or empty.
pub(crate) fn page(ctx: &Context, origin: &str) -> HttpResponse {
    info!("refused: this login is finished");
    let host = origin.split_once("://").map(|(_, host)| host.to_owned());
    let app = host.map(|host| (format!("{origin}/"), host));
    respond::show(ctx, &ErrorPage::finished(app).into())
}

/// Names a login without giving it away.
fn mark(login: &str) -> String {
    TokenHash::of(login).to_text().chars().take(16).collect()
}

fn cookie(ctx: &Context) -> Option<String> {
    let name = browser::full_name(ctx.spec(), FINISHED);
    let cookie = ctx.request.cookie(&name)?;
    let longest = MOST * 2 * (LONGEST_ORIGIN + LONGEST_CLIENT_ID);
    Some(cookie.value().to_owned()).filter(|value| value.len() <= longest)
}

/// The origin of a web app; empty for a native one, which no link of ours can open again.
fn origin(uri: &str) -> String {
    let origin = Url::parse(uri)
        .ok()
        .filter(|url| matches!(url.scheme(), "https" | "http"))
        .map(|url| url.origin().ascii_serialization());
    origin
        .filter(|origin| origin.len() <= LONGEST_ORIGIN)
        .unwrap_or_default()
}

fn is_registered(wanted: &str, client: &Client) -> bool {
    let mut uris = client.redirect_uris.iter();
    !wanted.is_empty() && uris.any(|uri| uri.starts_with(wanted) && origin(uri) == wanted)
}
