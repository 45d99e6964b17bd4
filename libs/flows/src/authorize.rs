//! `GET` and `POST /auth`, `/auth/{connector}`: a request arrives.

use insula_connector_kit::Challenge;
use insula_engine::authorize::{Next, Rejection, Standing, available, next, validate};
use insula_engine::{Peers, Refusal};
use insula_model::{
    AuthRequest, AuthRequestId, AuthorizationRequest, Client, ConnectorId, Dialect, Stage,
    TokenHash,
};
use insula_oauth::{AuthorizeRequest, Params, Scopes, encode_pairs};

use crate::login_log;
use crate::routes::{connector_route, password_route, without_connector};
use crate::under_way::{bind, not_begun, opened, reply_to, told};
use crate::{
    Browser, ConnectorChoice, FlowError, Outcome, Refused, Screen, TenantView, Turn, finish, kept,
    session,
};

/// All parameters together may be this long. Some are only checked, such as `id_token_hint`; of the
/// others far less is kept ([`keeping`](insula_engine::authorize::keeping)).
const LONGEST_REQUEST: usize = 16 * 1024;

/// Answers an authorization request, up to the first question a person or an upstream is asked.
///
/// `at_connector` is the connector of the path, where there is one; `params` the query or the form
/// (OpenID Connect Core §3.1.2.1 allows both).
pub async fn start(
    view: &TenantView,
    params: &Params,
    at_connector: Option<&str>,
    browser: &Browser,
) -> Result<Turn, FlowError> {
    check_length(params)?;
    let mut asked = AuthorizeRequest::from_params(params);
    let insists = asked.connector_id.is_some();
    if let Some(id) = at_connector {
        connector_of_path(view, &asked, id)?;
        asked.connector_id = Some(id.to_owned());
    }
    let client_id = asked.client_id.as_deref();
    login_log::about_client(view, client_id.unwrap_or_default());
    let client = client_id.and_then(|id| view.clients().find(id));
    let peers = match (&client, &asked.scope) {
        (Some(_), Some(scope)) => view.clients().peers(&Scopes::parse(scope)),
        _ => Peers::default(),
    };
    let (spec, keys, now) = (&view.spec, &view.keys, view.now());
    let validated = validate(&asked, client.as_deref(), &peers, spec, keys, now);
    let request = validated.map_err(|rejection| {
        if rejection.reply_to.is_none() {
            let to = asked.redirect_uri.as_deref();
            login_log::about_redirect_uri(view, to.unwrap_or_default());
        }
        rejected(view, rejection, at_connector.is_some() && insists)
    })?;
    let client = client.ok_or(Refusal::UnknownClient)?;
    let reply_to = reply_to(&request);
    let turn = answer(view, params, at_connector, browser, request, &client).await;
    turn.map_err(|error| told(view, error, &reply_to))
}

fn check_length(params: &Params) -> Result<(), Refusal> {
    let length: usize = params.pairs().map(|(n, v)| n.len() + v.len()).sum();
    if length > LONGEST_REQUEST {
        let why = format!("it is longer than {LONGEST_REQUEST} bytes");
        return Err(Refusal::MalformedBody(why));
    }
    Ok(())
}

async fn answer(
    view: &TenantView,
    params: &Params,
    at_connector: Option<&str>,
    browser: &Browser,
    request: AuthorizationRequest,
    client: &Client,
) -> Result<Turn, FlowError> {
    let live = session::live(view, browser).await?;
    let session = live.as_ref().map(|live| &live.session);
    let first = session.and_then(|session| session.clients.first());
    let first = first.and_then(|id| view.clients().find(id.as_str()));
    let standing = Standing::Arriving {
        session,
        logged_in_to: first.as_deref(),
    };
    match next(&request, client, &view.spec, standing, view.now())? {
        Next::Resume => {
            let live = live.ok_or(Refusal::LoginRequired)?;
            finish::resume(view, browser, request, client, live).await
        }
        Next::Choose(ids) => {
            let (_, cookie) = bind(view, browser);
            Ok(Turn {
                outcome: Outcome::Show(choose(view, params, &request, client, &ids)),
                cookies: cookie.into_iter().collect(),
            })
        }
        Next::LogIn(id) if view.dialect() == Dialect::Dex && at_connector.is_none() => {
            let to = connector_route(&id, params);
            Ok(Outcome::Redirect {
                to,
                see_other: false,
            }
            .into())
        }
        Next::LogIn(id) => log_in(view, params, &id, request, client, browser).await,
        Next::Consent | Next::Issue => Err(Refusal::WrongStage.into()),
    }
}

/// dex tells the client of a connector it cannot have only if the client insisted on the very one
/// of the path; at `/auth`, or for the path alone, a page tells.
fn rejected(view: &TenantView, rejection: Rejection, insists_at_path: bool) -> FlowError {
    let Rejection {
        refusal,
        mut reply_to,
    } = rejection;
    let is_connector = matches!(
        refusal,
        Refusal::UnknownConnector(_) | Refusal::ConnectorNotAllowed(_)
    );
    if view.dialect() == Dialect::Dex && is_connector && !insists_at_path {
        reply_to = None;
    }
    let reply_to = reply_to.map(|to| *to);
    Refused { refusal, reply_to }.into()
}

fn connector_of_path(
    view: &TenantView,
    asked: &AuthorizeRequest,
    id: &str,
) -> Result<(), FlowError> {
    if view.spec.connector(id).is_none() {
        return Err(Refusal::UnknownConnector(id.to_owned()).into());
    }
    match &asked.connector_id {
        Some(other) if other != id => Err(Refusal::WrongConnector.into()),
        _ => Ok(()),
    }
}

fn choose(
    view: &TenantView,
    params: &Params,
    request: &AuthorizationRequest,
    client: &Client,
    ids: &[ConnectorId],
) -> Screen {
    let mut choices: Vec<_> = ids
        .iter()
        .filter_map(|id| view.spec.connector(id.as_str()))
        .map(|spec| ConnectorChoice {
            id: spec.id.to_string(),
            kind: spec.kind.clone(),
            name: spec.name.clone(),
            to: connector_route(&spec.id, params),
        })
        .collect();
    if view.dialect() == Dialect::Dex {
        choices.sort_by_key(|choice| choice.name.to_lowercase());
    }
    Screen::Choose {
        client_name: client.name.clone(),
        choices,
        login_hint: request.login_hint.clone(),
        ui_locales: request.ui_locales.clone(),
    }
}

/// Sends the person to a connector: stores the login under way, then asks.
async fn log_in(
    view: &TenantView,
    params: &Params,
    id: &ConnectorId,
    request: AuthorizationRequest,
    client: &Client,
    browser: &Browser,
) -> Result<Turn, FlowError> {
    let now = view.now();
    let entropy = view.effects.entropy.as_ref();
    let (binding, cookie) = bind(view, browser);
    let auth_id = AuthRequestId::generate(entropy);
    let mut ctx = view.login_context(id, &auth_id, &request.asked_scopes());
    ctx.force_login = forces_login(&request, view.dialect());
    ctx.login_hint.clone_from(&request.login_hint);

    let connector = opened(view, id)?;
    let challenge = connector
        .begin(&ctx)
        .await
        .map_err(|error| not_begun(id, error))?;
    let (stage, outcome) = match challenge {
        Challenge::Redirect { to, memory } => {
            let see_other = view.dialect() == Dialect::Standard;
            (awaiting(id, memory), Outcome::Redirect { to, see_other })
        }
        Challenge::PostForm { to, fields, memory } => {
            (awaiting(id, memory), Outcome::PostForm { to, fields })
        }
        Challenge::AskPassword { .. } => {
            let back = back_to_choice(view, params, client);
            let route = password_route(view, id, &auth_id, back.as_deref());
            let stage = Stage::AwaitingPassword {
                connector_id: id.clone(),
                back_hash: back.as_deref().map(TokenHash::of),
            };
            (
                stage,
                Outcome::Redirect {
                    to: route,
                    see_other: false,
                },
            )
        }
    };
    let login = AuthRequest {
        id: auth_id,
        version: 1,
        request,
        browser: Some(binding),
        carried: false,
        created_at: now,
        stage,
    };
    let (_, carried) = kept::begin(view, login).await?;
    Ok(Turn {
        outcome,
        cookies: cookie.into_iter().chain(carried).collect(),
    })
}

fn awaiting(id: &ConnectorId, memory: serde_json::Value) -> Stage {
    Stage::AwaitingUpstream {
        connector_id: id.clone(),
        memory,
    }
}

/// Whether the upstream must ask again, whatever session it has. How old that is it does not say, so
/// that only a new login is sure to keep `max_age` (OpenID Connect Core §3.1.2.1); dex leaves that
/// to the upstream.
fn forces_login(request: &AuthorizationRequest, dialect: Dialect) -> bool {
    let too_old = match dialect {
        Dialect::Standard => request.max_age.is_some(),
        Dialect::Dex => request.max_age == Some(0),
    };
    request.prompts.login || too_old
}

/// Where "choose another way" leads: the same request without a connector, if there is a choice. A
/// client of ours that insists on a connector leaves none.
fn back_to_choice(view: &TenantView, params: &Params, client: &Client) -> Option<String> {
    let insists = view.dialect() == Dialect::Standard && params.get("connector_id").is_some();
    let is_choice = !insists && available(client, &view.spec).count() > 1;
    is_choice.then(|| format!("/auth?{}", encode_pairs(without_connector(params))))
}

#[cfg(test)]
mod tests;
