//! `GET` and `POST /auth`, `/auth/{connector}`: a request arrives.

use insula_connector_kit::{Challenge, ConnectorError};
use insula_engine::Refusal;
use insula_engine::authorize::{
    Next, Rejection, ReplyTo, Standing, depends_on_consent, next, validate,
};
use insula_model::{
    AuthRequest, AuthRequestId, AuthorizationRequest, Client, ConnectorId, Dialect, Stage,
    TokenHash,
};
use insula_oauth::{AuthorizeRequest, Params, encode_pairs};

use crate::{
    Browser, ConnectorChoice, CookieChange, Fault, FlowError, Outcome, Refused, Screen, TenantView,
    Turn, finish, session,
};

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
    let mut asked = AuthorizeRequest::from_params(params);
    if let Some(id) = at_connector {
        connector_of_path(view, &asked, id)?;
        asked.connector_id = Some(id.to_owned());
    }
    let client = asked
        .client_id
        .as_deref()
        .and_then(|id| view.spec.client(id));
    let now = view.now();
    let request = validate(&asked, client, &view.spec, &view.keys, now)
        .map_err(|rejection| rejected(view, rejection, at_connector))?;
    let client = client.ok_or(Refusal::UnknownClient)?;
    let reply_to = reply_to(&request);
    let turn = answer(view, params, at_connector, browser, request, client).await;
    turn.map_err(|error| error.reply_to(&reply_to))
}

async fn answer(
    view: &TenantView,
    params: &Params,
    at_connector: Option<&str>,
    browser: &Browser,
    request: AuthorizationRequest,
    client: &Client,
) -> Result<Turn, FlowError> {
    let session = session::live(view, browser).await?;
    let standing = Standing::Arriving {
        session: session.as_ref(),
    };
    match next(&request, client, &view.spec, standing, view.now())? {
        Next::Resume => {
            let session = session.ok_or(Refusal::LoginRequired)?;
            finish::resume(view, browser, request, client, session).await
        }
        Next::Choose(ids) => Ok(Outcome::Show(choose(view, params, &request, client, &ids)).into()),
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

/// dex answers a `connector_id` nobody has with a page at `/auth`, and one that contradicts the path
/// with a page too; only our dialect tells the client.
fn rejected(view: &TenantView, rejection: Rejection, at_connector: Option<&str>) -> FlowError {
    let Rejection {
        refusal,
        mut reply_to,
    } = rejection;
    let is_connector = matches!(refusal, Refusal::UnknownConnector(_));
    if view.dialect() == Dialect::Dex && at_connector.is_none() && is_connector {
        reply_to = None;
    }
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

/// `/auth/{connector}?…`: the same request, at one connector. A choice that was asked for
/// (`select_account`) is made by following it.
fn connector_route(id: &ConnectorId, params: &Params) -> String {
    let prompt = params.get("prompt").unwrap_or_default();
    let kept: Vec<_> = prompt
        .split_whitespace()
        .filter(|w| *w != "select_account")
        .collect();
    let kept = kept.join(" ");
    let pairs = params
        .pairs()
        .filter(|(name, _)| *name != "connector_id")
        .map(|(name, value)| {
            if name == "prompt" {
                (name, kept.as_str())
            } else {
                (name, value)
            }
        })
        .filter(|(name, value)| *name != "prompt" || !value.is_empty());
    format!(
        "/auth/{}?{}",
        path_segment(id.as_str()),
        encode_pairs(pairs)
    )
}

/// Percent-encodes a connector's id as one segment of a path.
pub(crate) fn path_segment(text: &str) -> String {
    encode_pairs([(text, "")])
        .trim_end_matches('=')
        .replace('+', "%20")
        .replace('*', "%2A")
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
    let mut ctx = view.login_context(&auth_id, &request.scopes);
    ctx.force_login = request.prompts.login || request.max_age == Some(0);
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
            let route = password_route(id, &auth_id, back.as_deref());
            let stage = Stage::AwaitingPassword {
                connector_id: id.clone(),
                back,
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
        browser: binding,
        created_at: now,
        expires_at: now + view.spec.expiry.auth_requests,
        stage,
    };
    view.effects.cache.put_auth_request(&login, now).await?;
    Ok(Turn {
        outcome,
        cookies: cookie.into_iter().collect(),
    })
}

fn awaiting(id: &ConnectorId, memory: serde_json::Value) -> Stage {
    Stage::AwaitingUpstream {
        connector_id: id.clone(),
        memory,
    }
}

/// `/auth/{connector}/login?back=…&state=…`, as dex spells it.
fn password_route(id: &ConnectorId, auth_id: &AuthRequestId, back: Option<&str>) -> String {
    let query = encode_pairs([
        ("back", back.unwrap_or_default()),
        ("state", auth_id.as_str()),
    ]);
    format!("/auth/{}/login?{query}", path_segment(id.as_str()))
}

/// Where "choose another way" leads: the same request without a connector, if there is a choice.
fn back_to_choice(view: &TenantView, params: &Params, client: &Client) -> Option<String> {
    let open = view
        .spec
        .connectors
        .iter()
        .filter(|c| client.allows_connector(&c.id))
        .count();
    (open > 1).then(|| format!("/auth?{}", params.encode_without(&["connector_id"])))
}

/// The browser's binding, old or new. A login is finished by the browser that began it, or by
/// nobody ([RFC 9700 §4.7](https://www.rfc-editor.org/rfc/rfc9700#section-4.7)). dex as released
/// sets no cookie, and works in browsers that take none; so does its dialect, without sessions.
fn bind(view: &TenantView, browser: &Browser) -> (Option<TokenHash>, Option<CookieChange>) {
    if view.dialect() == Dialect::Dex && !view.spec.sessions.enabled {
        return (None, None);
    }
    match browser.binding.as_deref().filter(|value| value.len() >= 32) {
        Some(value) => (Some(TokenHash::of(value)), None),
        None => {
            let value = view.effects.entropy.word(25);
            (Some(TokenHash::of(&value)), Some(CookieChange::Bind(value)))
        }
    }
}

/// The opened connector of an id.
pub(crate) fn opened(
    view: &TenantView,
    id: &ConnectorId,
) -> Result<std::sync::Arc<dyn insula_connector_kit::Connector>, FlowError> {
    let known = view
        .connectors
        .get(id)
        .ok_or_else(|| Refusal::UnknownConnector(id.to_string()))?;
    known
        .opened
        .clone()
        .map_err(|_| Refusal::ConnectorUnavailable(id.to_string()).into())
}

fn not_begun(id: &ConnectorId, error: ConnectorError) -> FlowError {
    match error {
        ConnectorError::Denied(why) => Refusal::UpstreamDenied(why).into(),
        cause => Fault::Connector {
            connector: id.to_string(),
            cause,
        }
        .into(),
    }
}

/// Where answers of a proven request go.
pub(crate) fn reply_to(request: &AuthorizationRequest) -> ReplyTo {
    ReplyTo {
        redirect_uri: request.redirect_uri.clone(),
        response_mode: request.response_mode,
        state: request.state.clone(),
    }
}

/// What a person allowed a client before, where it can matter.
pub(crate) async fn consented(
    view: &TenantView,
    request: &AuthorizationRequest,
    client: &Client,
    login: &insula_model::Login,
) -> Result<Option<insula_oauth::Scopes>, FlowError> {
    if !depends_on_consent(request, client, &view.spec) {
        return Ok(None);
    }
    let user = &login.claims.user_id;
    let known = view
        .effects
        .store
        .find_identity(&login.connector_id, user)
        .await?;
    Ok(known.and_then(|mut identity| identity.consents.remove(&client.id)))
}
