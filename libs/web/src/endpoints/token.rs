//! The routes a client's program calls: `/token`, `/token/introspect`, `/revoke`, `/userinfo`.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, web};
use insula_engine::Refusal;
use insula_flows::FlowError;
use insula_oauth::{GrantType, Params};

use crate::context::Context;
use crate::metrics::WebMetrics;
use crate::read;
use crate::respond::{Cacheable, Surface, fail, json};

/// `POST /token`.
pub(crate) async fn token(
    ctx: &Context,
    payload: &mut web::Payload,
    metrics: &WebMetrics,
) -> HttpResponse {
    let form = match posted(ctx, payload).await {
        Ok(form) => form,
        Err(failure) => return fail(ctx, Surface::Program, failure),
    };
    let authorization = read::authorization(&ctx.request);
    let answer = insula_flows::token::exchange(&ctx.snapshot.view, authorization, &form).await;
    let grant = form.get("grant_type").and_then(GrantType::parse);
    metrics.token(grant, answer.is_ok());
    match answer {
        Ok(tokens) => json(StatusCode::OK, &tokens, Cacheable::No),
        Err(failure) => fail(ctx, Surface::Program, failure),
    }
}

/// `POST /token/introspect`.
pub(crate) async fn introspect(ctx: &Context, payload: &mut web::Payload) -> HttpResponse {
    let answer = async {
        let form = posted(ctx, payload).await?;
        let authorization = read::authorization(&ctx.request);
        insula_flows::introspect::answer(&ctx.snapshot.view, authorization, &form).await
    };
    match answer.await {
        Ok(facts) => json(StatusCode::OK, &facts, Cacheable::No),
        Err(failure) => fail(ctx, Surface::Program, failure),
    }
}

/// `POST /revoke`.
pub(crate) async fn revoke(ctx: &Context, payload: &mut web::Payload) -> HttpResponse {
    let answer = async {
        let form = posted(ctx, payload).await?;
        let authorization = read::authorization(&ctx.request);
        insula_flows::revoke::revoke(&ctx.snapshot.view, authorization, &form).await
    };
    match answer.await {
        Ok(()) => HttpResponse::Ok()
            .insert_header(("Cache-Control", "no-store"))
            .finish(),
        Err(failure) => fail(ctx, Surface::Program, failure),
    }
}

/// `GET`/`POST /userinfo`.
pub(crate) async fn userinfo(ctx: &Context, payload: &mut web::Payload) -> HttpResponse {
    let answer = async {
        let bearer = read::bearer(&ctx.request, payload, ctx.dialect()).await?;
        insula_flows::userinfo::answer(&ctx.snapshot.view, bearer.as_deref()).await
    };
    match answer.await {
        Ok(claims) => json(StatusCode::OK, &claims, Cacheable::No),
        Err(failure) => fail(ctx, Surface::Bearer, failure),
    }
}

async fn posted(ctx: &Context, payload: &mut web::Payload) -> Result<Params, FlowError> {
    if ctx.request.method() != Method::POST {
        return Err(Refusal::MethodNotAllowed(ctx.request.method().to_string()).into());
    }
    Ok(read::form(&ctx.request, payload).await?)
}
