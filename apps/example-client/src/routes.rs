//! What the browser can ask for.
//!
//! Everything that changes something is a POST, and the cookie is `SameSite=Lax`, so that no other
//! site can press the buttons.

use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use openidconnect::CsrfToken;

use crate::Shared;
use crate::failure::Failure;
use crate::oidc::{Callback, Login};
use crate::pages::STYLE;
use crate::sessions::Session;

const COOKIE: &str = "example_client";
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";

type State = web::Data<Shared>;

/// The routes of this application.
pub(crate) fn all(app: &mut web::ServiceConfig) {
    app.route("/", web::get().to(home))
        .route("/style.css", web::get().to(style))
        .route("/login", web::post().to(begin))
        .route("/callback", web::get().to(complete))
        .route("/refresh", web::post().to(refresh))
        .route("/userinfo", web::post().to(userinfo))
        .route("/logout", web::post().to(logout));
}

async fn home(shared: State, request: HttpRequest) -> HttpResponse {
    let session = session_id(&request).and_then(|id| shared.sessions.get(&id));
    page(match session.and_then(|session| session.login) {
        Some(login) => shared.pages.logged_in(&login),
        None => shared.pages.choose(shared.relying_party.issuers()),
    })
}

async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .body(STYLE)
}

/// The form's fields in the order they come: `scope` is there once for each box that is ticked.
async fn begin(shared: State, form: web::Form<Vec<(String, String)>>) -> HttpResponse {
    let all = |wanted: &str| -> Vec<String> {
        let fields = form.iter().filter(|(name, _)| name == wanted);
        fields.map(|(_, value)| value.clone()).collect()
    };
    let issuer = all("issuer").pop().unwrap_or_default();
    match shared.relying_party.begin(&issuer, all("scope")).await {
        Ok((url, pending)) => {
            let id = new_session(
                &shared,
                Session {
                    pending: Some(pending),
                    login: None,
                },
            );
            to(url.as_str(), Some(cookie(id)))
        }
        Err(failure) => failed(&shared, &failure),
    }
}

async fn complete(
    shared: State,
    request: HttpRequest,
    callback: web::Query<Callback>,
) -> HttpResponse {
    // Taken, not read: an answer is looked at once.
    let session = session_id(&request).and_then(|id| shared.sessions.take(&id));
    let Some(pending) = session.and_then(|session| session.pending) else {
        let failure = Failure::here(
            "coming back from the issuer",
            "this browser has begun no login here, or has finished it already",
        );
        return failed(&shared, &failure);
    };
    match shared
        .relying_party
        .complete(pending, callback.into_inner())
        .await
    {
        Ok(login) => {
            // A new value, so that nobody who knew the old one is logged in too.
            let id = new_session(
                &shared,
                Session {
                    pending: None,
                    login: Some(login),
                },
            );
            to("/", Some(cookie(id)))
        }
        Err(failure) => failed(&shared, &failure),
    }
}

async fn refresh(shared: State, request: HttpRequest) -> HttpResponse {
    let Some((id, login)) = logged_in(&shared, &request) else {
        return to("/", None);
    };
    match shared.relying_party.refresh(&login).await {
        Ok(login) => keep(&shared, &id, login),
        Err(failure) => failed(&shared, &failure),
    }
}

async fn userinfo(shared: State, request: HttpRequest) -> HttpResponse {
    let Some((id, mut login)) = logged_in(&shared, &request) else {
        return to("/", None);
    };
    match shared.relying_party.userinfo(&login).await {
        Ok(claims) => {
            login.userinfo = Some(claims);
            keep(&shared, &id, login)
        }
        Err(failure) => failed(&shared, &failure),
    }
}

async fn logout(shared: State, request: HttpRequest) -> HttpResponse {
    let Some((id, login)) = logged_in(&shared, &request) else {
        return to("/", None);
    };
    // Gone here first: whatever the issuer says, this client has forgotten.
    shared.sessions.take(&id);
    match shared.relying_party.logout(&login).await {
        Ok(Some(url)) => to(url.as_str(), None),
        Ok(None) => to("/", None),
        Err(failure) => failed(&shared, &failure),
    }
}

fn session_id(request: &HttpRequest) -> Option<String> {
    request
        .cookie(COOKIE)
        .map(|cookie| cookie.value().to_owned())
}

fn logged_in(shared: &State, request: &HttpRequest) -> Option<(String, Login)> {
    let id = session_id(request)?;
    let login = shared.sessions.get(&id)?.login?;
    Some((id, login))
}

fn new_session(shared: &State, session: Session) -> String {
    let id = CsrfToken::new_random().into_secret();
    shared.sessions.put(&id, session);
    id
}

fn keep(shared: &State, id: &str, login: Login) -> HttpResponse {
    shared.sessions.put(
        id,
        Session {
            pending: None,
            login: Some(login),
        },
    );
    to("/", None)
}

fn cookie(id: String) -> Cookie<'static> {
    Cookie::build(COOKIE, id)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .finish()
}

/// 303: whatever the method was, the next request is a GET.
fn to(location: &str, cookie: Option<Cookie<'static>>) -> HttpResponse {
    let mut response = HttpResponse::SeeOther();
    response
        .insert_header((LOCATION, location))
        .insert_header((CACHE_CONTROL, "no-store"));
    if let Some(cookie) = cookie {
        response.cookie(cookie);
    }
    response.finish()
}

fn page(rendered: Result<String, minijinja::Error>) -> HttpResponse {
    page_with(StatusCode::OK, rendered)
}

fn failed(shared: &State, failure: &Failure) -> HttpResponse {
    let code = failure.code.as_deref().unwrap_or("no OAuth error code");
    eprintln!("{}: {code}: {}", failure.step, failure.description);
    page_with(StatusCode::BAD_GATEWAY, shared.pages.failed(failure))
}

fn page_with(status: StatusCode, rendered: Result<String, minijinja::Error>) -> HttpResponse {
    let html = match rendered {
        Ok(html) => html,
        Err(error) => {
            eprintln!("a page could not be rendered: {error:#}");
            return HttpResponse::InternalServerError().body("this page could not be shown");
        }
    };
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .body(html)
}
