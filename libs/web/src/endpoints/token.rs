//! The routes a client's program calls: `/token`, `/token/introspect`, `/revoke`, `/userinfo`.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, web};
use insula_engine::{Evidence, Refusal};
use insula_flows::FlowError;
use insula_model::DeviceForm;
use insula_oauth::GrantType;

use super::device;
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
    let evidence = match posted(ctx, payload).await {
        Ok(evidence) => evidence,
        Err(failure) => return fail(ctx, Surface::Program, failure),
    };
    let answer = insula_flows::token::exchange(&ctx.snapshot.view, &evidence).await;
    let grant = evidence.form.get("grant_type").and_then(GrantType::parse);
    metrics.token(grant, answer.is_ok());
    match answer {
        Ok(tokens)
            if grant == Some(GrantType::DeviceCode) && ctx.rules().devices == DeviceForm::Dex =>
        {
            device::tokens_of_dex(&tokens)
        }
        Ok(tokens) => json(StatusCode::OK, &tokens, Cacheable::No),
        Err(failure) => fail(ctx, Surface::Program, failure),
    }
}

/// `POST /token/introspect`.
pub(crate) async fn introspect(ctx: &Context, payload: &mut web::Payload) -> HttpResponse {
    let answer = async {
        let evidence = posted(ctx, payload).await?;
        insula_flows::introspect::answer(&ctx.snapshot.view, &evidence).await
    };
    match answer.await {
        Ok(facts) => json(StatusCode::OK, &facts, Cacheable::No),
        Err(failure) => fail(ctx, Surface::Program, failure),
    }
}

/// `POST /revoke`.
pub(crate) async fn revoke(ctx: &Context, payload: &mut web::Payload) -> HttpResponse {
    let answer = async {
        let evidence = posted(ctx, payload).await?;
        insula_flows::revoke::revoke(&ctx.snapshot.view, &evidence).await
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
        let reads_form = !ctx.rules().reads_bearer_in_first_header_only;
        let has_form = reads_form && ctx.request.method() == Method::POST;
        let payload = has_form.then_some(payload);
        let evidence = read::evidence(&ctx.request, payload).await?;
        insula_flows::userinfo::answer(&ctx.snapshot.view, &evidence).await
    };
    match answer.await {
        Ok(claims) => json(StatusCode::OK, &claims, Cacheable::No),
        Err(failure) => fail(ctx, Surface::Bearer, failure),
    }
}

pub(super) async fn posted<'r>(
    ctx: &'r Context,
    payload: &mut web::Payload,
) -> Result<Evidence<'r>, FlowError> {
    if ctx.request.method() != Method::POST {
        return Err(Refusal::MethodNotAllowed(ctx.request.method().to_string()).into());
    }
    let browser = ctx.browser();
    Ok(Evidence {
        address: browser.address,
        address_is_shared: browser.address_is_shared,
        ..read::evidence(&ctx.request, Some(payload)).await?
    })
}
