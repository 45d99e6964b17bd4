//! Exchanges one token for another: of an upstream in place of a login, or one of ours.

mod of_ours;

use std::sync::Arc;

use insula_connector_kit::{
    Connector, ConnectorError, ExchangedIdentity, SubjectToken, SubjectTokenAudience,
    SubjectTokenKind,
};
use insula_engine::client_auth::ProvenClient;
use insula_engine::grants::{
    ExchangeGrant, exchange_connector, must_meet_policy, requested_type, subject_token_type,
    upstream_exchange_plan, upstream_exchange_scopes,
};
use insula_engine::token_plan::TokenPlan;
use insula_engine::{Refusal, subject};
use insula_model::{Client, ConnectorSpec, Denial, EventKind, GrantId, Login};
use insula_oauth::{TokenExchangeRequest, TokenResponse, TokenType};
use insula_store::{Changes, RecordedLogin};

use super::{Signers, resources, signers};
use crate::commit::{event, write};
use crate::denied::{self, Denied};
use crate::under_way::{BUSY_FOR_S, heard, within_domains};
use crate::{Fault, FlowError, TenantView, login_log};

/// Exchanges a token for another ([RFC 8693 §2](https://www.rfc-editor.org/rfc/rfc8693#section-2)).
pub(super) async fn exchange(
    view: &TenantView,
    proven: &ProvenClient,
    request: &TokenExchangeRequest,
) -> Result<TokenResponse, FlowError> {
    let client = proven.client();
    let kind = subject_token_type(request, view.rules())?;
    let token = request.subject_token.as_ref();
    let token = token.ok_or(Refusal::SubjectTokenMissing)?.reveal();
    if view.rules().exchanges_tokens_by_policy && request.connector_id.is_none() {
        return of_ours::exchange(view, proven, request, (kind, token)).await;
    }
    let connector = request.connector_id.as_deref().unwrap_or_default();
    of_upstream(
        view,
        client,
        request,
        Shown {
            kind,
            token,
            connector,
        },
    )
    .await
}

/// A subject token as it came.
#[derive(Clone, Copy)]
struct Shown<'a> {
    kind: TokenType,
    token: &'a str,
    connector: &'a str,
}

/// Takes a token of an upstream in place of a login.
async fn of_upstream(
    view: &TenantView,
    client: &Client,
    request: &TokenExchangeRequest,
    shown: Shown<'_>,
) -> Result<TokenResponse, FlowError> {
    let by_policy = view.rules().exchanges_tokens_by_policy;
    if by_policy && request.actor_token.is_some() {
        let why = "actors are taken beside tokens of this issuer only";
        return Err(Refusal::ActorTokenRefused(why.to_owned()).into());
    }
    let connector = exchange_connector(shown.connector, client, &view.spec)?;
    let opened = opened(view, connector)?;
    // dex looks at it once it knows whose the subject token is.
    let requested = || requested_type(request, view.rules());
    if by_policy {
        requested()?;
    }
    let named = named_resources(view, request);
    let asked = request.scope.as_ref();
    let scopes = upstream_exchange_scopes(asked, &named, client, &view.spec)?;
    let signers = signers(view, client).await?;
    let identity = judged(view, client, connector, &opened, shown).await?;
    let requested = requested()?;
    let login = Login {
        connector_id: connector.id.clone(),
        // An upstream's clock may be ahead; nobody logs in tomorrow.
        auth_time: identity
            .auth_time
            .map_or(view.now(), |told| told.min(view.now())),
        claims: identity.identity.claims,
        amr: identity.identity.amr,
        acr: identity.identity.acr,
        session_id: None,
        connector_data: None,
    };
    let peers = view.clients().peers(&scopes).await?;
    let grant_id = GrantId::generate(view.effects.entropy.as_ref());
    let grant = ExchangeGrant {
        client,
        grant_id: &grant_id,
        login: &login,
        scopes: &scopes,
        resources: &named,
        peers: &peers,
        requested,
    };
    let plan = upstream_exchange_plan(grant, &view.spec)?;
    let sub = subject::encode(&login.claims.user_id, &login.connector_id);
    let exchanged = EventKind::TokenExchanged {
        client: client.id.clone(),
        subject: sub.clone(),
        connector: Some(connector.id.clone()),
        actor: None,
        audience: audience(&plan),
        grant: grant_id.clone(),
        of: None,
    };
    let answer = answered(view, &signers, &plan, requested, exchanged, Some(&login)).await?;
    login_log::exchanged(view, client, Some(shown.connector), &sub);
    Ok(answer)
}

/// The resources an access token is asked for, by either name (RFC 8693 §2.1, RFC 8707 §2).
fn named_resources(view: &TenantView, request: &TokenExchangeRequest) -> Vec<String> {
    let mut named: Vec<String> = Vec::new();
    for one in resources(view, &request.resources)
        .iter()
        .chain(resources(view, &request.audiences))
    {
        if !named.contains(one) {
            named.push(one.clone());
        }
    }
    named
}

/// For whom the one token of a plan is.
fn audience(plan: &TokenPlan<'_>) -> Vec<String> {
    let of_id_token = plan.id_token.as_ref().map(|planned| &planned.audience);
    of_id_token.unwrap_or(&plan.audience).names().to_vec()
}

/// Signs the token of a plan and tells of it. It is told as `access_token` whatever it is (RFC 8693
/// §2.2.1).
async fn answered(
    view: &TenantView,
    signers: &Signers<'_>,
    plan: &TokenPlan<'_>,
    requested: TokenType,
    exchanged: EventKind,
    login: Option<&Login>,
) -> Result<TokenResponse, FlowError> {
    let tokens = match &plan.id_token {
        None => signers.sign(plan).await?,
        Some(planned) => signers.sign_id_token(plan, planned)?,
    };
    // Userinfo tells what the person's record says.
    let is_for_userinfo = plan.id_token.is_none()
        && plan.scopes.openid()
        && plan.audience.contains(view.spec.issuer.as_str());
    let changes = Changes {
        login: login
            .filter(|_| is_for_userinfo)
            .map(|login| RecordedLogin {
                connector: login.connector_id.clone(),
                claims: login.claims.clone(),
                consent: None,
                at: login.auth_time,
            }),
        events: vec![event(view, exchanged)],
        ..Changes::default()
    };
    write(view, &changes).await?;
    Ok(TokenResponse {
        issued_token_type: Some(requested.as_str()),
        ..tokens.into_response(view.now())
    })
}

/// The connector, if it is open and can tell of whom a token is.
fn opened(view: &TenantView, connector: &ConnectorSpec) -> Result<Arc<dyn Connector>, Refusal> {
    let unknown = || Refusal::ExchangeConnectorUnknown(connector.id.to_string());
    let known = view.connectors.get(&connector.id).ok_or_else(unknown)?;
    let opened = known.opened.clone().map_err(|why| {
        if view.rules().exchanges_tokens_by_policy {
            let connector = connector.id.to_string();
            Refusal::ConnectorUnavailable { connector, why }
        } else {
            unknown()
        }
    })?;
    if opened.capabilities().exchange {
        Ok(opened)
    } else {
        Err(unknown())
    }
}

/// Who it is, says the upstream's token, and whether the client's policy has them.
async fn judged(
    view: &TenantView,
    client: &Client,
    connector: &ConnectorSpec,
    opened: &Arc<dyn Connector>,
    shown: Shown<'_>,
) -> Result<ExchangedIdentity, FlowError> {
    let by_policy = view.rules().exchanges_tokens_by_policy;
    let rules = &connector.subject_tokens;
    let shown = SubjectToken {
        token: shown.token,
        kind: match shown.kind {
            TokenType::AccessToken => SubjectTokenKind::AccessToken,
            TokenType::IdToken | TokenType::Jwt => SubjectTokenKind::IdToken,
        },
        audience: match rules.audiences.as_slice() {
            _ if !by_policy => SubjectTokenAudience::Anybody,
            [] => SubjectTokenAudience::Us(view.spec.issuer.as_str()),
            named => SubjectTokenAudience::OneOf(named),
        },
        by_userinfo: !by_policy || rules.access_tokens,
        now: view.now(),
    };
    let answered = opened.exchange(shown).await;
    let vouched = match answered {
        Ok(ExchangedIdentity {
            identity,
            claims,
            auth_time,
        }) => within_domains(view, &connector.id, Ok(identity)).map(|identity| ExchangedIdentity {
            identity,
            claims,
            auth_time,
        }),
        Err(error) => {
            heard(view, &connector.id, Some(&error));
            Err(error)
        }
    };
    let told = match vouched {
        Ok(told) => told,
        Err(error) => return Err(refused(view, client, connector, error).await),
    };
    if by_policy && let Err(why) = must_meet_policy(&told.claims, connector, client) {
        tell_denied(view, client, connector, Denial::Denied).await;
        return Err(why.into());
    }
    Ok(told)
}

/// What a connector's failure is to the client. In our dialect an upstream that does not answer is no
/// fault of the token; dex says of whatever went wrong that access is denied.
async fn refused(
    view: &TenantView,
    client: &Client,
    connector: &ConnectorSpec,
    error: ConnectorError,
) -> FlowError {
    let not_good = |error: &ConnectorError| Refusal::SubjectTokenRefused(error.to_string());
    match &error {
        ConnectorError::BadReply(_) => not_good(&error).into(),
        ConnectorError::Denied(_)
        | ConnectorError::Declined
        | ConnectorError::WrongPassword
        | ConnectorError::NotInGroup => {
            let reason = match error {
                ConnectorError::NotInGroup => Denial::NotInGroup,
                _ => Denial::Denied,
            };
            tell_denied(view, client, connector, reason).await;
            not_good(&error).into()
        }
        _ if !view.rules().exchanges_tokens_by_policy => not_good(&error).into(),
        ConnectorError::Unsupported(_) => {
            Refusal::ExchangeConnectorUnknown(connector.id.to_string()).into()
        }
        ConnectorError::Busy(_) => Refusal::Overloaded {
            retry_after_s: BUSY_FOR_S,
        }
        .into(),
        _ => Fault::of_connector(&connector.id, error).into(),
    }
}

async fn tell_denied(
    view: &TenantView,
    client: &Client,
    connector: &ConnectorSpec,
    reason: Denial,
) {
    let denied = Denied {
        client: &client.id,
        connector: &connector.id,
        name: None,
        reason,
    };
    denied::tell(view, denied).await;
}
