//! Where every request comes in: the host finds the tenant, the path its endpoint.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use actix_web::body::{BodySize, MessageBody as _};
use actix_web::http::header::{
    ALLOW, Accept, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, Header as _, HeaderValue,
    Quality, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::http::{Method, StatusCode, Version};
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::FutureExt as _;
use insula_ambient::{Clock, Entropy};
use insula_engine::Refusal;
use insula_flows::{Outcome, Screen};
use insula_model::{DeviceForm, RefusalForm};
use insula_tenancy::{Lookup, Tenancy, TenantHandle};
use insula_theming::{ErrorPage, plain_error};
use ipnet::IpNet;
use tracing::field::Empty;
use tracing::{Instrument as _, debug, info_span};

use crate::client_address::{client_address, is_proxy};
use crate::context::{Budget, Context};
use crate::cors;
use crate::endpoints::{authorize, device, metadata, token};
use crate::headers;
use crate::host::{TwoHosts, requested_host};
use crate::metrics::{LoginEnd, Throttled, WebMetrics};
use crate::page;
use crate::respond::{self, Surface};
use crate::route::{Probe, Route, below, metadata_of};

const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

/// How the front door behaves.
#[derive(Debug, Clone, Default)]
pub struct WebSettings {
    /// Peers whose `Forwarded`, `X-Forwarded-Host` and `X-Forwarded-For` count.
    pub trusted_proxies: Vec<IpNet>,
}

/// What every worker shares.
#[derive(Clone)]
pub struct WebState {
    /// The tenants.
    pub tenancy: Tenancy,
    /// How the front door behaves.
    pub settings: Arc<WebSettings>,
    /// What is counted.
    pub metrics: Arc<WebMetrics>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Whether the process can serve, by the last word of its checks.
    pub is_healthy: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// Answers any request. Mount it as the default service: which paths there are depends on the
/// tenant.
pub async fn front_door(
    request: HttpRequest,
    mut payload: web::Payload,
    state: web::Data<WebState>,
) -> HttpResponse {
    let began = Instant::now();
    let peer = request.peer_addr().map(|addr| addr.ip());
    let authority = request.uri().host();
    let trusted = &state.settings.trusted_proxies;
    let host = match requested_host(request.headers(), authority, peer, trusted) {
        Ok(Some(host)) => host,
        // Only HTTP/1.0 may leave it out (RFC 9112 §3.2); old probes do.
        Ok(None) if request.version() < Version::HTTP_11 => "",
        Ok(None) | Err(TwoHosts) => {
            return HttpResponse::BadRequest()
                .insert_header((CONTENT_TYPE, PLAIN_TEXT))
                .body("Host is missing, or there are two\n");
        }
    };
    let path = request.path();
    if let Some(probe) = Probe::of(path) {
        let answer = respond::health(probe, (state.is_healthy)());
        count(
            &state,
            &Route::Health(probe),
            request.method(),
            &answer,
            began,
        );
        return answer;
    }
    // RFC 8414 puts the well-known part before the issuer's path, where another tenant may live.
    let metadata_path = metadata_of(path);
    let handle = match tenant(&state, host, metadata_path.unwrap_or(path)).await {
        Ok(handle) => handle,
        Err(answer) => return answer,
    };
    let snapshot = handle.snapshot();
    handle.touch(state.clock.monotonic());
    let spec = Arc::clone(&snapshot.view.spec);
    let prefix = spec.issuer.path();
    let route = match metadata_path {
        Some(rest) => (rest == prefix).then_some(Route::Discovery),
        None => below(prefix, path).and_then(Route::of),
    };
    let Some(route) = route.filter(|route| route.is_there(&spec)) else {
        return not_found();
    };
    state.metrics.tenant(handle.id().as_str());
    let method = request.method().clone();
    let (http, rules) = (&spec.http, &spec.rules);
    let is_for_scripts = route.is_for_scripts(rules);
    let is_preflight = is_for_scripts && cors::is_preflight(&method, &http.cors, rules.preflights);
    let tenants_header = http.client_address.as_ref();
    let client_address = client_address(request.headers(), peer, trusted, tenants_header);
    let file = match &route {
        Route::Static(path) if is_get(&method) => metadata::file(&request, &snapshot, path),
        _ => None,
    };
    // What is there already costs the tenant's budget nothing.
    let is_document = is_get(&method) && route.is_public_document();
    let admitted = if is_preflight || is_document || file.is_some() {
        Ok(())
    } else {
        let now = state.clock.monotonic();
        handle.limits().admit(client_address, now)
    };
    let mut answer = match (&route, admitted) {
        (_, Err(wait)) => {
            state.metrics.throttled(Throttled::Requests);
            respond::throttled(heard_by(&route, &request), wait)
        }
        (Route::Static(_), Ok(())) if let Some(file) = file => file,
        _ if is_preflight => cors::preflight(&request, &http.cors, rules.preflights),
        (Route::Discovery, Ok(())) if is_get(&method) => metadata::discovery(&snapshot),
        (Route::Keys, Ok(())) if is_get(&method) => {
            let whole = metadata::with_all_keys(&handle, snapshot).await;
            metadata::keys(&whole)
        }
        (_, Ok(())) => {
            let ctx = Context {
                request: request.clone(),
                snapshot,
                budget: Budget {
                    of: handle.clone(),
                    now: state.clock.monotonic(),
                },
                client_address,
                is_from_trusted_proxy: peer
                    .is_some_and(|peer| is_proxy(peer, trusted, tenants_header)),
                request_id: state.entropy.word(10).into(),
            };
            let span = info_span!(
                "request",
                request.id = %ctx.request_id,
                tenant.id = %handle.id(),
                route = route.pattern(),
                client_id = Empty,
                redirect_uri = Empty,
                post_logout_redirect_uri = Empty
            );
            let run = guarded(&ctx, &route, &mut payload, &state);
            run.instrument(span).await
        }
    };
    if is_for_scripts && !is_preflight {
        cors::let_read(&mut answer, &request, &http.cors);
    }
    headers::add(&mut answer, &route, &http.headers);
    if answer.status() == StatusCode::METHOD_NOT_ALLOWED {
        let allow = HeaderValue::from_static(route.allow());
        answer.headers_mut().insert(ALLOW, allow);
    }
    count(&state, &route, &method, &answer, began);
    answer
}

/// Who answers for a host and a path, woken if asleep.
async fn tenant(state: &WebState, host: &str, path: &str) -> Result<TenantHandle, HttpResponse> {
    match state.tenancy.directory().lookup(host, path) {
        Lookup::Awake(handle)
        | Lookup::Quarantined {
            last: Some(handle), ..
        } => Ok(handle),
        Lookup::Asleep(id) => {
            let woken = state.tenancy.activate(&id).await;
            woken.map_err(|asleep| unavailable(asleep.retry_after.as_secs().max(1)))
        }
        Lookup::Quarantined {
            until, last: None, ..
        } => Err(unavailable(
            until.since(state.clock.monotonic()).as_secs().max(1),
        )),
        Lookup::Unknown => Err(not_found()),
    }
}

/// Who hears that it asked too often: a program that asks for JSON gets it from a page's route too.
fn heard_by(route: &Route, request: &HttpRequest) -> Surface {
    let accepted = Accept::parse(request).map_or_else(|_| Vec::new(), |Accept(kinds)| kinds);
    let takes = |is_kind: fn(&str) -> bool| {
        let mut wanted = accepted.iter().filter(|kind| kind.quality > Quality::ZERO);
        wanted.any(|kind| is_kind(kind.item.essence_str()))
    };
    if takes(|kind| kind.ends_with("/json") || kind.ends_with("+json"))
        && !takes(|kind| kind == "text/html")
    {
        return Surface::Program;
    }
    surface(route)
}

fn count(state: &WebState, route: &Route, method: &Method, answer: &HttpResponse, began: Instant) {
    let size = match answer.body().size() {
        BodySize::Sized(bytes) => bytes,
        _ => 0,
    };
    let (status, took) = (answer.status().as_u16(), began.elapsed());
    state.metrics.request(route, method, status, took, size);
}

fn is_get(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Runs an endpoint so that a panic in it answers 500 instead of dropping the connection.
async fn guarded(
    ctx: &Context,
    route: &Route,
    payload: &mut web::Payload,
    state: &WebState,
) -> HttpResponse {
    let run: Pin<Box<dyn Future<Output = HttpResponse>>> =
        Box::pin(dispatch(ctx, route, payload, state));
    match AssertUnwindSafe(run).catch_unwind().await {
        Ok(answer) => answer,
        Err(_) => respond::panicked(ctx, surface(route)),
    }
}

fn refuse_at(ctx: &Context, route: &Route, refusal: &Refusal) -> HttpResponse {
    // Not louder: a flood of requests must not become a flood of lines; metrics count them.
    debug!("refused: {}", refusal.description(RefusalForm::Rfc));
    respond::refuse(ctx, surface(route), refusal, None)
}

const fn surface(route: &Route) -> Surface {
    match route {
        Route::Token | Route::Introspect | Route::Revoke => Surface::Program,
        Route::DeviceCode | Route::DeviceToken => Surface::Program,
        Route::Discovery | Route::Keys => Surface::Program,
        Route::UserInfo => Surface::Bearer,
        _ => Surface::Browser,
    }
}

async fn dispatch(
    ctx: &Context,
    route: &Route,
    payload: &mut web::Payload,
    state: &WebState,
) -> HttpResponse {
    let method = ctx.request.method();
    if !route.answers_to(method, ctx.rules()) {
        if route.is_of_devices() && ctx.rules().devices == DeviceForm::Dex {
            let refusal = device::wrong_method(method);
            return respond::refuse(ctx, Surface::Browser, &refusal, None);
        }
        return refuse_at(ctx, route, &Refusal::MethodNotAllowed(method.to_string()));
    }
    if *method == Method::HEAD && route.is_of_a_login() {
        return page::of_no_body(ctx);
    }
    let walked = match route {
        Route::Authorize => authorize::start(ctx, payload, None).await,
        Route::AuthorizeAt(id) => authorize::start(ctx, payload, Some(id)).await,
        Route::Password(id) => authorize::password(ctx, payload, id).await,
        Route::Callback => authorize::callback(ctx, payload, None).await,
        Route::CallbackAt(id) => authorize::callback(ctx, payload, Some(id)).await,
        Route::Approval => authorize::approval(ctx, payload).await,
        Route::Logout => authorize::logout(ctx, payload).await,
        Route::LogoutCallback => authorize::logged_out_upstream(ctx, payload).await,
        Route::Device => device::page(ctx, payload).await,
        Route::DeviceVerify => device::verify(ctx, payload).await,
        Route::DeviceCallback => match device::callback(ctx).await {
            Ok(walked) => walked,
            Err(answer) => return answer,
        },
        Route::DeviceCode => return device::authorization(ctx, payload, &state.metrics).await,
        Route::DeviceToken => return device::token(ctx, payload).await,
        Route::Token => return token::token(ctx, payload, &state.metrics).await,
        Route::Introspect => return token::introspect(ctx, payload, &state.metrics).await,
        Route::Revoke => return token::revoke(ctx, payload, &state.metrics).await,
        Route::UserInfo => return token::userinfo(ctx, payload).await,
        Route::Static(_) => return respond::show(ctx, &ErrorPage::not_found().into()),
        Route::Home => return metadata::home(ctx).await,
        Route::Robots => return metadata::robots(),
        Route::Health(probe) => return respond::health(*probe, (state.is_healthy)()),
        Route::ConnectorMetadata(id) => {
            return metadata::of_connector(ctx, id)
                .unwrap_or_else(|| respond::show(ctx, &ErrorPage::not_found().into()));
        }
        Route::Discovery => return metadata::discovery(&ctx.snapshot),
        Route::Keys => return metadata::keys(&ctx.snapshot),
    };
    let end = match &walked.result {
        Ok(turn) if ends_with_code(&turn.outcome) => Some(LoginEnd::Code),
        Ok(_) => None,
        Err(insula_flows::FlowError::Refused(_)) => Some(LoginEnd::Refused),
        Err(insula_flows::FlowError::Fault { .. }) => Some(LoginEnd::Fault),
    };
    if let Some(end) = end {
        state.metrics.login(end);
    }
    let too_many = walked.result.as_ref().ok();
    if let Some(what) = too_many.and_then(|turn| turn.outcome.too_many()) {
        state.metrics.throttled(Throttled::Typed(what));
    }
    authorize::carry(ctx, walked).await
}

/// Whether a login ended with a code, for a client or for a device.
fn ends_with_code(outcome: &Outcome) -> bool {
    let approved = Some(true);
    match outcome {
        Outcome::Respond(_) => true,
        Outcome::Show(Screen::DeviceAnswered { approved: told, .. }) => *told == approved,
        _ => false,
    }
}

/// No tenant, no theme, no message to anybody.
fn not_found() -> HttpResponse {
    HttpResponse::NotFound()
        .insert_header((CONTENT_TYPE, PLAIN_TEXT))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body("404 page not found\n")
}

fn unavailable(retry_after_s: u64) -> HttpResponse {
    HttpResponse::ServiceUnavailable()
        .insert_header((RETRY_AFTER, retry_after_s.to_string()))
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ))
        .body(plain_error(
            503,
            "Back in a moment",
            "This sign-in page is starting or resting. Please try again shortly.",
        ))
}
