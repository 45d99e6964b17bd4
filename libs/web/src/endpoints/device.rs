//! Where devices ask, and where people type their codes: `/device` and what is below it.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, web};
use insula_engine::Refusal;
use insula_engine::device::PAGE;
use insula_flows::{DeviceTrouble, FlowError, Outcome, device};
use insula_model::DeviceForm;
use insula_oauth::encode_pairs;

use super::authorize::Walked;
use super::token::{failed, posted};
use crate::context::Context;
use crate::metrics::WebMetrics;
use crate::posted::{self as from_elsewhere, Asked};
use crate::read;
use crate::respond::{Cacheable, Surface, fail, indented, json};

/// dex's indentation of what a device is told first, and of its tokens.
const DEXS_INDENT: &[u8] = b"   ";
const DEXS_TOKEN_INDENT: &[u8] = b"  ";

/// `POST /device/code`.
pub(crate) async fn authorization(
    ctx: &Context,
    payload: &mut web::Payload,
    metrics: &WebMetrics,
) -> HttpResponse {
    let browser = ctx.browser();
    let asked_from = browser.address.filter(|_| !browser.address_is_shared);
    let answer = async {
        let evidence = posted(ctx, payload).await?;
        device::authorize(&ctx.snapshot.view, &evidence, asked_from).await
    };
    match answer.await {
        Ok(codes) if is_dexs(ctx) => indented(&codes, DEXS_INDENT, "\n"),
        Ok(codes) => json(StatusCode::OK, &codes, Cacheable::No),
        Err(failure) => failed(ctx, metrics, failure),
    }
}

/// `POST /device/token`, which dex had before `/token` knew the grant.
pub(crate) async fn token(ctx: &Context, payload: &mut web::Payload) -> HttpResponse {
    let answer = async {
        let form = read::form(&ctx.request, payload).await?;
        insula_flows::token::poll_for_device(&ctx.snapshot.view, &form).await
    };
    match answer.await {
        Ok(tokens) => tokens_of_dex(&tokens),
        Err(failure) => fail(ctx, Surface::Program, failure),
    }
}

/// A device's tokens in dex's form.
pub(crate) fn tokens_of_dex(tokens: &insula_oauth::TokenResponse) -> HttpResponse {
    indented(tokens, DEXS_TOKEN_INDENT, "")
}

/// `GET /device`, and `POST` with a code, or with the answer to whether the device is the person's.
pub(crate) async fn page(ctx: &Context, payload: &mut web::Payload) -> Walked {
    let walk = async {
        let view = &ctx.snapshot.view;
        if is_dexs(ctx) {
            let query = read::query(&ctx.request)?;
            let is_invalid = query.get("invalid").is_some_and(is_true);
            let typed = query.take("user_code").unwrap_or_default();
            let trouble = is_invalid.then_some(DeviceTrouble::Wrong);
            return device::show_filled(view, typed, trouble, &ctx.browser()).await;
        }
        let browser = ctx.browser();
        let form = match from_elsewhere::asked(ctx, payload, false).await? {
            Asked::Query(query) => {
                return device::show(view, query.get("user_code"), &browser).await;
            }
            Asked::Form(form) | Asked::Resent(form) => form,
            Asked::Again(outcome) => return Ok(outcome.into()),
        };
        match form.get("req") {
            Some(req) => {
                let is_theirs = form.get("device") == Some("confirm");
                device::answer(view, req, form.get("hmac"), is_theirs, &browser).await
            }
            None => {
                let typed = form.get("user_code").unwrap_or_default();
                device::enter(view, typed, &browser).await
            }
        }
    };
    walk.await.into()
}

/// `POST /device/auth/verify_code`: where dex's form goes. A code that another site posted is only
/// filled in: whether to go on is the person's to say.
pub(crate) async fn verify(ctx: &Context, payload: &mut web::Payload) -> Walked {
    let walk = async {
        let form = read::form(&ctx.request, payload).await?;
        let typed = form.get("user_code").unwrap_or_default();
        if from_elsewhere::is_from_elsewhere(ctx) {
            let query = encode_pairs([("user_code", typed)]);
            let to = format!("{PAGE}?{query}");
            let see_other = true;
            return Ok(Outcome::Redirect { to, see_other }.into());
        }
        device::enter_and_return(&ctx.snapshot.view, typed, &ctx.browser()).await
    };
    walk.await.into()
}

/// `GET /device/callback`: where dex's logins of devices end.
pub(crate) async fn callback(ctx: &Context) -> Result<Walked, HttpResponse> {
    let walk = async {
        let query = read::query(&ctx.request)?;
        device::complete(&ctx.snapshot.view, &query, &ctx.browser()).await
    };
    match walk.await {
        // dex tells this in JSON, to a person.
        Err(FlowError::Refused(why)) if why.refusal == Refusal::ClientCredentials => {
            Err(fail(ctx, Surface::Program, FlowError::Refused(why)))
        }
        walked => Ok(walked.into()),
    }
}

/// What dex says to a method it does not expect at one of these.
pub(crate) fn wrong_method(method: &Method) -> Refusal {
    match *method {
        Method::GET | Method::HEAD | Method::POST => Refusal::NoSuchResource,
        _ => Refusal::MethodNotAllowed(method.to_string()),
    }
}

fn is_dexs(ctx: &Context) -> bool {
    ctx.rules().devices == DeviceForm::Dex
}

/// The words that Go takes for true.
fn is_true(word: &str) -> bool {
    matches!(word, "1" | "t" | "T" | "true" | "TRUE" | "True")
}
