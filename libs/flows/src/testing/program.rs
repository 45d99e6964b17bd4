use insula_engine::Evidence;
use insula_oauth::{IntrospectResponse, Params, TokenResponse};
use serde_json::{Map, Value};

use crate::introspect::{AnswerForm, Introspection};
use crate::{FlowError, TenantView, introspect, revoke, token, userinfo};

/// What a client's program sends: perhaps an `Authorization` header, and a form.
fn evidence<'r>(authorization: Option<&'r str>, form: &Params) -> Evidence<'r> {
    let evidence = Evidence::of_form(form.clone());
    match authorization {
        Some(header) => evidence.with_authorization(header),
        None => evidence,
    }
}

/// Asks the token endpoint.
pub(crate) async fn exchange(
    view: &TenantView,
    authorization: Option<&str>,
    form: &Params,
) -> Result<TokenResponse, FlowError> {
    token::exchange(view, &evidence(authorization, form)).await
}

/// Asks the introspection endpoint.
pub(crate) async fn introspected(
    view: &TenantView,
    authorization: Option<&str>,
    form: &Params,
) -> Result<IntrospectResponse, FlowError> {
    match introspected_as(view, authorization, form, AnswerForm::Json).await? {
        Introspection::Json(told) => Ok(*told),
        told @ Introspection::Jwt(_) => panic!("not JSON: {told:?}"),
    }
}

/// The same, to be answered in this form.
pub(crate) async fn introspected_as(
    view: &TenantView,
    authorization: Option<&str>,
    form: &Params,
    answer: AnswerForm,
) -> Result<Introspection, FlowError> {
    introspect::answer(view, &evidence(authorization, form), answer).await
}

/// Asks the revocation endpoint.
pub(crate) async fn revoked(
    view: &TenantView,
    authorization: Option<&str>,
    form: &Params,
) -> Result<(), FlowError> {
    revoke::revoke(view, &evidence(authorization, form)).await
}

/// Asks the userinfo endpoint with a token.
pub(crate) async fn userinfo_of(
    view: &TenantView,
    token: &str,
) -> Result<Map<String, Value>, FlowError> {
    let header = format!("Bearer {token}");
    userinfo::answer(view, &Evidence::default().with_authorization(&header)).await
}
