//! The routes a person's browser walks: `/auth`, `/callback`, `/approval`, `/logout`,
//! `/logout/callback`.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use insula_flows::callback::Returned;
use insula_flows::login::{FormAddress, Typed};
use insula_flows::logout::LogoutAnswer;
use insula_flows::{FlowError, Outcome, Turn};
use insula_model::Password;
use insula_oauth::LogoutRequest;

use crate::context::Context;
use crate::posted::{self, Asked};
use crate::respond::{self, Surface};
use crate::{finished, read, screen};

/// What a walk came to, and which login under way it was about.
pub(crate) struct Walked {
    pub(crate) result: Result<Turn, FlowError>,
    login: Option<String>,
}

impl From<Result<Turn, FlowError>> for Walked {
    fn from(result: Result<Turn, FlowError>) -> Self {
        Self {
            result,
            login: None,
        }
    }
}

/// `GET`/`POST /auth` and `/auth/{connector}`.
pub(crate) async fn start(ctx: &Context, payload: &mut web::Payload, at: Option<&str>) -> Walked {
    let mut login = None;
    let walk = async {
        let params = match posted::asked(ctx, payload, true).await? {
            Asked::Query(params) | Asked::Form(params) | Asked::Resent(params) => params,
            Asked::Again(outcome) => return Ok(outcome.into()),
        };
        login = insula_flows::authorize::named(&params).map(str::to_owned);
        let browser = ctx.browser();
        insula_flows::authorize::start(&ctx.snapshot.view, &params, at, &browser).await
    };
    let result = walk.await;
    Walked { result, login }
}

/// `GET`/`POST /auth/{connector}/login`.
pub(crate) async fn password(ctx: &Context, payload: &mut web::Payload, at: &str) -> Walked {
    let mut login = None;
    let walk = async {
        let query = read::query(&ctx.request)?;
        login = query.take("state");
        let browser = ctx.browser();
        let view = &ctx.snapshot.view;
        let address = FormAddress {
            state: login.as_deref(),
            back: query.get("back"),
        };
        if is_get(ctx) {
            let ticket = read::negotiated(&ctx.request);
            let ticket = ticket.as_deref();
            return insula_flows::login::show(view, at, address, ticket, &browser).await;
        }
        let form = read::form(&ctx.request, payload).await?;
        let typed = Typed {
            username: form.take("login").unwrap_or_default(),
            password: Password::new(form.get("password").unwrap_or_default()),
            remember_me: form.get("remember_me") == Some("on"),
        };
        insula_flows::login::submit(view, at, address, typed, &browser).await
    };
    let result = walk.await;
    Walked { result, login }
}

/// `GET`/`POST /callback` and `/callback/{connector}`.
pub(crate) async fn callback(
    ctx: &Context,
    payload: &mut web::Payload,
    at: Option<&str>,
) -> Walked {
    let mut login = None;
    let walk = async {
        let view = &ctx.snapshot.view;
        let returned = match posted::asked(ctx, payload, false).await? {
            Asked::Query(params) => match insula_flows::callback::wanted_headers(view, at) {
                wanted if wanted.is_empty() => Returned::Query(params),
                wanted => Returned::Vouched {
                    params,
                    headers: vouched(ctx, &wanted),
                },
            },
            Asked::Form(params) | Asked::Resent(params) => Returned::Form(params),
            Asked::Again(outcome) => return Ok(outcome.into()),
        };
        login = returned.state().map(str::to_owned);
        let browser = ctx.browser();
        insula_flows::callback::complete(view, at, returned, &browser).await
    };
    let result = walk.await;
    Walked { result, login }
}

/// What a proxy says of the person in headers of these names. A stranger can write headers as well, so
/// that they are read of a trusted proxy alone; dex reads them of anybody.
fn vouched(ctx: &Context, wanted: &[String]) -> Vec<(String, String)> {
    let is_believed = ctx.is_from_trusted_proxy || ctx.rules().takes_identity_headers_of_anybody;
    if !is_believed {
        return Vec::new();
    }
    let lines = wanted.iter().flat_map(|name| {
        let values = ctx.request.headers().get_all(name.as_str());
        let texts = values.filter_map(|value| str::from_utf8(value.as_bytes()).ok());
        texts.map(|text| (name.clone(), text.to_owned()))
    });
    lines.collect()
}

/// `GET`/`POST /approval`.
pub(crate) async fn approval(ctx: &Context, payload: &mut web::Payload) -> Walked {
    let mut login = None;
    let walk = async {
        let query = read::query(&ctx.request)?;
        let browser = ctx.browser();
        let view = &ctx.snapshot.view;
        if is_get(ctx) {
            login = query.take("req");
            let (req, hmac) = (login.as_deref(), query.get("hmac"));
            return insula_flows::consent::show(view, req, hmac, &browser).await;
        }
        let form = read::form(&ctx.request, payload).await?;
        let field = |name| form.get(name).or_else(|| query.get(name));
        let approved = form.get("approval") == Some("approve");
        login = field("req").map(str::to_owned);
        let (req, hmac) = (login.as_deref(), field("hmac"));
        insula_flows::consent::answer(view, req, hmac, approved, &browser).await
    };
    let result = walk.await;
    Walked { result, login }
}

/// `GET`/`POST /logout`.
pub(crate) async fn logout(ctx: &Context, payload: &mut web::Payload) -> Walked {
    let walk = async {
        // Only a form of ours can have been posted with a proof; a link with one proves nothing.
        let (params, is_posted) = match posted::asked(ctx, payload, true).await? {
            Asked::Query(params) | Asked::Resent(params) => (params, false),
            Asked::Form(params) => (params, !is_get(ctx)),
            Asked::Again(outcome) => return Ok(outcome.into()),
        };
        let request = LogoutRequest::from_params(&params);
        let answer = LogoutAnswer {
            proof: params.get("hmac").filter(|_| is_posted),
            everywhere: params.get("everywhere").is_some(),
            is_posted,
        };
        let browser = ctx.browser();
        insula_flows::logout::logout(&ctx.snapshot.view, &request, answer, &browser).await
    };
    walk.await.into()
}

/// `GET`/`POST /logout/callback`.
pub(crate) async fn logged_out_upstream(ctx: &Context, payload: &mut web::Payload) -> Walked {
    let walk = async {
        let params = match posted::asked(ctx, payload, true).await? {
            Asked::Query(params) | Asked::Form(params) | Asked::Resent(params) => params,
            Asked::Again(outcome) => return Ok(outcome.into()),
        };
        let (view, browser) = (&ctx.snapshot.view, ctx.browser());
        insula_flows::logout::returned(view, params.get("state"), &browser).await
    };
    walk.await.into()
}

/// Carries what a walk came to. A browser that asks for a login it has finished is led to the app.
pub(crate) async fn carry(ctx: &Context, walked: Walked) -> HttpResponse {
    let login = walked.login.as_deref();
    match walked.result {
        Ok(turn) => {
            let app = match &turn.outcome {
                Outcome::Respond(response) => Some(response.to.clone()),
                _ => None,
            };
            let answer = screen::carry(ctx, turn);
            finished::noted(ctx, answer, login, app.as_ref())
        }
        Err(failure) => {
            let finished = match login {
                Some(id) => finished::app_of(ctx, id, &failure).await,
                None => Ok(None),
            };
            let failure = match finished {
                Ok(Some(origin)) => return finished::page(ctx, &origin),
                Ok(None) => failure,
                Err(fault) => fault,
            };
            let app = match &failure {
                FlowError::Refused(refused) => refused.reply_to.clone(),
                FlowError::Fault { .. } => None,
            };
            let answer = respond::fail(ctx, Surface::Browser, failure);
            finished::noted(ctx, answer, login, app.as_ref())
        }
    }
}

fn is_get(ctx: &Context) -> bool {
    matches!(*ctx.request.method(), Method::GET | Method::HEAD)
}
