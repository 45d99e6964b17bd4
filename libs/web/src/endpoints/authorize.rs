//! The routes a person's browser walks: `/auth`, `/callback`, `/approval`, `/logout`.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use insula_engine::Refusal;
use insula_flows::callback::Returned;
use insula_flows::login::FormAddress;
use insula_flows::{FlowError, Turn};
use insula_model::Password;
use insula_oauth::{LogoutRequest, Params};

use crate::context::Context;
use crate::respond::{self, Surface};
use crate::{read, screen};

type Walked = Result<Turn, FlowError>;

/// `GET`/`POST /auth` and `/auth/{connector}`.
pub(crate) async fn start(ctx: &Context, payload: &mut web::Payload, at: Option<&str>) -> Walked {
    let params = query_or_form(ctx, payload).await?;
    let browser = ctx.browser();
    insula_flows::authorize::start(&ctx.snapshot.view, &params, at, &browser).await
}

/// `GET`/`POST /auth/{connector}/login`.
pub(crate) async fn password(ctx: &Context, payload: &mut web::Payload, at: &str) -> Walked {
    let query = read::query(&ctx.request)?;
    let browser = ctx.browser();
    let view = &ctx.snapshot.view;
    let address = FormAddress {
        state: query.get("state"),
        back: query.get("back"),
    };
    if is_get(ctx) {
        return insula_flows::login::show(view, at, address, &browser).await;
    }
    let form = read::form(&ctx.request, payload).await?;
    let username = form.take("login").unwrap_or_default();
    let password = Password::new(form.get("password").unwrap_or_default());
    insula_flows::login::submit(view, at, address, username, password, &browser).await
}

/// `GET`/`POST /callback` and `/callback/{connector}`.
pub(crate) async fn callback(
    ctx: &Context,
    payload: &mut web::Payload,
    at: Option<&str>,
) -> Walked {
    let returned = if is_get(ctx) {
        Returned::Query(read::query(&ctx.request)?)
    } else {
        Returned::Form(read::form(&ctx.request, payload).await?)
    };
    let browser = ctx.browser();
    insula_flows::callback::complete(&ctx.snapshot.view, at, returned, &browser).await
}

/// `GET`/`POST /approval`.
pub(crate) async fn approval(ctx: &Context, payload: &mut web::Payload) -> Walked {
    let query = read::query(&ctx.request)?;
    let browser = ctx.browser();
    let view = &ctx.snapshot.view;
    if is_get(ctx) {
        let (req, hmac) = (query.get("req"), query.get("hmac"));
        return insula_flows::consent::show(view, req, hmac, &browser).await;
    }
    let form = read::form(&ctx.request, payload).await?;
    let field = |name| form.get(name).or_else(|| query.get(name));
    let approved = form.get("approval") == Some("approve");
    insula_flows::consent::answer(view, field("req"), field("hmac"), approved, &browser).await
}

/// `GET`/`POST /logout`.
pub(crate) async fn logout(ctx: &Context, payload: &mut web::Payload) -> Walked {
    let params = query_or_form(ctx, payload).await?;
    let request = LogoutRequest::from_params(&params);
    // Only a form of ours can have been posted with a proof; a link with one proves nothing.
    let proof = params.get("hmac").filter(|_| !is_get(ctx));
    let browser = ctx.browser();
    insula_flows::logout::logout(&ctx.snapshot.view, &request, proof, &browser).await
}

/// Carries what a walk came to.
pub(crate) fn carry(ctx: &Context, walked: Walked) -> HttpResponse {
    match walked {
        Ok(turn) => screen::carry(ctx, turn),
        Err(failure) => respond::fail(ctx, Surface::Browser, failure),
    }
}

fn is_get(ctx: &Context) -> bool {
    matches!(*ctx.request.method(), Method::GET | Method::HEAD)
}

async fn query_or_form(ctx: &Context, payload: &mut web::Payload) -> Result<Params, Refusal> {
    if is_get(ctx) {
        return read::query(&ctx.request);
    }
    let form = read::form(&ctx.request, payload).await?;
    if form.is_empty() {
        read::query(&ctx.request)
    } else {
        Ok(form)
    }
}
