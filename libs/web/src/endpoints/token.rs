//! The routes a client's program calls: `/token`, `/token/introspect`, `/revoke`, `/userinfo`.

use std::cmp::Reverse;

use actix_web::http::header::{Accept, Header as _, Quality};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use insula_engine::{Evidence, Refusal};
use insula_flows::FlowError;
use insula_flows::introspect::{AnswerForm, Introspection};
use insula_model::DeviceForm;
use insula_oauth::GrantType;

use super::device;
use crate::context::Context;
use crate::metrics::{Throttled, WebMetrics};
use crate::read;
use crate::respond::{Cacheable, INTROSPECTION_JWT, Surface, fail, introspection_jwt, json};

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
        Err(failure) => failed(ctx, metrics, failure),
    }
}

/// `POST /token/introspect`.
pub(crate) async fn introspect(
    ctx: &Context,
    payload: &mut web::Payload,
    metrics: &WebMetrics,
) -> HttpResponse {
    let answer = async {
        let method = ctx.request.method();
        if method != Method::POST {
            return Err(Refusal::IntrospectionByMethod(method.to_string()).into());
        }
        let evidence = posted(ctx, payload).await?;
        let form = answer_form(&ctx.request);
        insula_flows::introspect::answer(&ctx.snapshot.view, &evidence, form).await
    };
    match answer.await {
        Ok(Introspection::Json(facts)) => json(StatusCode::OK, &facts, Cacheable::No),
        Ok(Introspection::Jwt(signed)) => introspection_jwt(signed),
        Err(failure) => failed(ctx, metrics, failure),
    }
}

/// What is preferred: a signed answer only where `Accept` names it
/// ([RFC 9701 §4](https://www.rfc-editor.org/rfc/rfc9701#section-4)), and nothing better is taken.
fn answer_form(request: &HttpRequest) -> AnswerForm {
    let Ok(Accept(mut wishes)) = Accept::parse(request) else {
        return AnswerForm::Json;
    };
    wishes.retain(|wish| wish.quality > Quality::ZERO);
    wishes.sort_by_key(|wish| Reverse(wish.quality));
    let known = wishes
        .iter()
        .find_map(|wish| match wish.item.essence_str() {
            INTROSPECTION_JWT => Some(AnswerForm::Jwt),
            "application/json" | "application/*" | "*/*" => Some(AnswerForm::Json),
            _ => None,
        });
    known.unwrap_or(AnswerForm::Json)
}

/// `POST /revoke`.
pub(crate) async fn revoke(
    ctx: &Context,
    payload: &mut web::Payload,
    metrics: &WebMetrics,
) -> HttpResponse {
    let answer = async {
        let evidence = posted(ctx, payload).await?;
        insula_flows::revoke::revoke(&ctx.snapshot.view, &evidence).await
    };
    match answer.await {
        Ok(()) => HttpResponse::Ok()
            .insert_header(("Cache-Control", "no-store"))
            .insert_header(("Pragma", "no-cache"))
            .finish(),
        Err(failure) => failed(ctx, metrics, failure),
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

/// Tells a program that its client was refused, and counts where it was told to wait.
pub(super) fn failed(ctx: &Context, metrics: &WebMetrics, failure: FlowError) -> HttpResponse {
    if let FlowError::Refused(refused) = &failure
        && matches!(refused.refusal, Refusal::TooManyRequests { .. })
    {
        metrics.throttled(Throttled::Programs);
    }
    fail(ctx, Surface::Program, failure)
}

pub(super) async fn posted<'r>(
    ctx: &'r Context,
    payload: &mut web::Payload,
) -> Result<Evidence<'r>, FlowError> {
    if ctx.request.method() != Method::POST {
        return Err(Refusal::MethodNotAllowed(ctx.request.method().to_string()).into());
    }
    Ok(Evidence {
        address: ctx.client_address,
        address_is_shared: ctx.address_is_shared(),
        budget: Some(&ctx.budget),
        ..read::evidence(&ctx.request, Some(payload)).await?
    })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_signed_answer_is_given_to_those_who_name_it_and_want_nothing_more() {
        const JWT: &str = "application/token-introspection+jwt";
        for (accept, form) in [
            (None, AnswerForm::Json),
            (Some("application/json".to_owned()), AnswerForm::Json),
            (Some("*/*".to_owned()), AnswerForm::Json),
            (Some(JWT.to_owned()), AnswerForm::Jwt),
            (Some(format!("{JWT}, application/json")), AnswerForm::Jwt),
            (Some(format!("application/json, {JWT}")), AnswerForm::Json),
            (
                Some(format!("application/json;q=0.5, {JWT}")),
                AnswerForm::Jwt,
            ),
            (Some(format!("{JWT};q=0.5, */*")), AnswerForm::Json),
            (Some(format!("{JWT};q=0")), AnswerForm::Json),
            (Some("text/html".to_owned()), AnswerForm::Json),
            (Some(";;,".to_owned()), AnswerForm::Json),
        ] {
            let mut request = TestRequest::post();
            if let Some(accept) = &accept {
                request = request.insert_header(("accept", accept.as_str()));
            }
            assert_eq!(answer_form(&request.to_http_request()), form, "{accept:?}");
        }
    }
}
