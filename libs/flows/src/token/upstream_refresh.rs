//! What an upstream says of a person whose refresh token is used.
//!
//! An upstream may take what it is asked with once and take a second use for theft, so it is asked
//! once at a time for each grant, by all processes together, and all who wait are told the same. What
//! it says is kept before anything else happens to it, and the question goes on where the request
//! that began it was cut.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use insula_connector_kit::{Connector, ConnectorError, UpstreamIdentity};
use insula_engine::Refusal;
use insula_model::{
    AuthRequestId, Client, IdentityClaims, Login, RefreshGrant, Revocation, TokenHash,
};
use insula_store::RefreshTurn;
use tracing::warn;

use super::revoke_family;
use crate::under_way::within_domains;
use crate::{Fault, FlowError, OpenedConnector, TenantView, sealed};

/// How long what an upstream said is kept where it could not be stored durably.
const KEPT_FOR: Duration = Duration::from_hours(1);
/// How long a process that ended without a word keeps others from asking.
const TURN_ENDS_AFTER: Duration = Duration::from_mins(1);
/// How long another process is waited for.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often it is looked whether that has come back.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The login with what the upstream says of the person now, or `None` where somebody else used the
/// grant meanwhile.
pub(super) type Answer = Result<Option<Login>, FlowError>;

/// Asks the upstream of a grant. Who it is never changes.
///
/// A person the upstream no longer vouches for loses the family. A login that brought nothing for
/// the connector to ask with (one that came from a browser session) keeps its claims where the
/// connector cannot do without.
pub(super) async fn login_now(
    view: &TenantView,
    client: &Client,
    connector: &OpenedConnector,
    grant: &RefreshGrant,
) -> Answer {
    let opened = match &connector.opened {
        Ok(opened) => opened,
        Err(why) => return Err(failed(grant, ConnectorError::Settings(why.clone()))),
    };
    if !opened.capabilities().refresh {
        return Ok(Some(grant.login.clone()));
    }
    if grant.login.connector_data.is_none() {
        // There is nothing that could be used up.
        return ask(view, client, opened.as_ref(), grant).await;
    }
    let question = || {
        let (view, client, grant) = (view.clone(), client.clone(), grant.clone());
        let opened = Arc::clone(opened);
        async move { ask_in_turn(&view, &client, opened.as_ref(), &grant).await }.boxed()
    };
    let effects = &view.effects;
    let asked = effects.questions.join(usage(grant), question, |question| {
        effects.tasks.spawn(question);
    });
    asked.await
}

/// Notes that what the upstream said is stored durably.
pub(super) async fn is_stored(view: &TenantView, asked: &RefreshGrant, stored: &RefreshGrant) {
    if asked.login.connector_data == stored.login.connector_data {
        return;
    }
    if let Err(error) = view.effects.cache.forget_refreshed(&usage(asked)).await {
        warn!(%error, "what an upstream said at a refresh stays kept for an hour");
    }
}

/// The use of a grant that the upstream is asked for: what it is asked with. When the grant was used
/// last is no part of it, for the note that a token was given out moves that, at one node earlier
/// than at another.
fn usage(grant: &RefreshGrant) -> TokenHash {
    let RefreshGrant { id, generation, .. } = grant;
    let asked_with = &grant.login.connector_data;
    TokenHash::of(&format!("{id} {generation} {asked_with:?}"))
}

/// Asks, once no other process does.
async fn ask_in_turn(
    view: &TenantView,
    client: &Client,
    connector: &dyn Connector,
    grant: &RefreshGrant,
) -> Answer {
    let (cache, usage) = (&view.effects.cache, usage(grant));
    let holder = view.effects.entropy.word(10);
    let began = view.effects.clock.monotonic();
    loop {
        match cache.begin_refresh(&usage, &holder, TURN_ENDS_AFTER).await {
            Ok(RefreshTurn::Taken) => break,
            Ok(RefreshTurn::Kept(login)) => return Ok(Some(*login)),
            // Who asks may have stored the answer without keeping it.
            Ok(RefreshTurn::Busy) if !is_as_it_was(view, grant).await? => return Ok(None),
            Ok(RefreshTurn::Busy) => {}
            Err(error) => {
                warn!(%error, "whether an upstream is asked elsewhere cannot be known; it is asked");
                break;
            }
        }
        if view.effects.clock.monotonic().since(began) >= PATIENCE {
            let why = "another process has asked it about this login";
            return Err(failed(grant, ConnectorError::Unreachable(why.to_owned())));
        }
        view.effects.tasks.sleep(LOOK_EVERY).await;
    }
    // It may have been asked, and the answer stored, since the grant was read.
    let answer = match is_as_it_was(view, grant).await {
        Ok(true) => ask(view, client, connector, grant).await,
        Ok(false) => Ok(None),
        Err(error) => Err(error),
    };
    let done = match &answer {
        // It may have replaced what it is asked with, and would take the old one for stolen.
        Ok(Some(login)) if login.connector_data != grant.login.connector_data => {
            cache.keep_refreshed(&usage, login, KEPT_FOR).await
        }
        _ => cache.end_refresh(&usage, &holder).await,
    };
    if let Err(error) = done {
        warn!(%error, "what came of asking an upstream could not be told to other processes");
    }
    answer
}

async fn is_as_it_was(view: &TenantView, grant: &RefreshGrant) -> Result<bool, FlowError> {
    let stands = view.effects.store.find_refresh(&grant.id).await?;
    Ok(stands.is_some_and(|stands| usage(&stands) == usage(grant)))
}

async fn ask(
    view: &TenantView,
    client: &Client,
    connector: &dyn Connector,
    grant: &RefreshGrant,
) -> Answer {
    let login = &grant.login;
    let known = UpstreamIdentity {
        claims: login.claims.clone(),
        connector_data: opened_data(view, login).map_err(|cause| failed(grant, cause))?,
        amr: login.amr.clone(),
        acr: login.acr.clone(),
    };
    let state = AuthRequestId::generate(view.effects.entropy.as_ref());
    let scopes = grant.claims.with_scopes(&grant.scopes);
    let ctx = view.login_context(&login.connector_id, &state, &scopes);
    let answered = connector.refresh(&ctx, &known).await;
    match within_domains(view, &login.connector_id, answered) {
        Ok(now) => {
            let is_new = now.connector_data != known.connector_data;
            let data = now.connector_data.filter(|_| is_new);
            let data = data.map(|plain| sealed::seal(view, &plain));
            Ok(Some(Login {
                claims: IdentityClaims {
                    user_id: login.claims.user_id.clone(),
                    ..now.claims
                },
                connector_data: data.or_else(|| login.connector_data.clone()),
                ..login.clone()
            }))
        }
        Err(
            ConnectorError::Denied(_)
            | ConnectorError::Declined
            | ConnectorError::NotInGroup
            | ConnectorError::WrongPassword,
        ) => {
            if !is_as_it_was(view, grant).await? {
                return Ok(None);
            }
            revoke_family(view, client, &grant.grant_id, Revocation::Denied).await?;
            let grant = grant.grant_id.clone();
            Err(Refusal::RefreshDenied { grant }.into())
        }
        Err(ConnectorError::AfterRenewal {
            connector_data,
            cause,
        }) => {
            keep_renewed(view, grant, connector_data.reveal()).await;
            Err(failed(grant, *cause))
        }
        // What it is to be written to is away too: who waits is told now, not after another wait.
        Err(cause @ ConnectorError::Storage(_)) => Err(failed(grant, cause)),
        Err(ConnectorError::Unsupported(_)) => Ok(Some(login.clone())),
        Err(_) if known.connector_data.is_none() => Ok(Some(login.clone())),
        Err(cause) => Err(failed(grant, cause)),
    }
}

/// Stores what the upstream is to be asked with next, of a refresh that came to nothing.
async fn keep_renewed(view: &TenantView, grant: &RefreshGrant, connector_data: &[u8]) {
    let renewed = RefreshGrant {
        login: Login {
            connector_data: Some(sealed::seal(view, connector_data)),
            ..grant.login.clone()
        },
        ..grant.clone()
    };
    let stored = view
        .effects
        .store
        .rotate_refresh(grant.generation, &renewed);
    if let Err(error) = stored.await {
        warn!(%error, "what an upstream is to be asked with next could not be stored");
    }
}

fn failed(grant: &RefreshGrant, cause: ConnectorError) -> FlowError {
    Fault::of_connector(&grant.login.connector_id, cause).into()
}

/// What the connector wants back. Data that no longer opens is a fault, not an absence: the
/// connector must not be asked as if it had never given any.
fn opened_data(view: &TenantView, login: &Login) -> Result<Option<Vec<u8>>, ConnectorError> {
    let Some(sealed) = &login.connector_data else {
        return Ok(None);
    };
    let plain = sealed::open(view, sealed);
    plain.map(Some).map_err(|cause| {
        ConnectorError::Settings(format!("what the connector kept is lost: {cause}"))
    })
}
