use std::sync::Arc;

use insula_connector_kit::{Connector, ConnectorError, Memory, Reply, UpstreamIdentity};
use insula_engine::Refusal;
use insula_engine::grants::{PasswordFacts, PasswordGrant, password_plan, password_scopes};
use insula_engine::token_plan::Asker;
use insula_model::{
    AuthRequestId, Client, ConnectorId, Denial, EventKind, GrantId, Login, Password,
};
use insula_oauth::{GrantType, PasswordRequest, Scopes, TokenResponse};
use insula_store::{Changes, RecordedLogin};

use super::code::gets_refresh;
use super::{resources, signers};
use crate::client_guesses::too_many;
use crate::commit::{event, write};
use crate::denied::{self, Denied};
use crate::guesses::Guesses;
use crate::login::{LONGEST_NAME, LONGEST_PASSWORD, TOO_MANY, WRONG};
use crate::under_way::{BUSY_FOR_S, denial, within_domains};
use crate::{Browser, Fault, FlowError, TenantView, login_log, sealed};

/// Exchanges a name and a password for tokens
/// ([RFC 6749 §4.3](https://www.rfc-editor.org/rfc/rfc6749#section-4.3)).
///
/// Wrong ones are counted with those of the login page, by name and by address: this is the same door.
pub(super) async fn log_in(
    view: &TenantView,
    client: &Client,
    request: PasswordRequest,
    from: &Browser,
) -> Result<TokenResponse, FlowError> {
    let signers = signers(view, client).await?;
    let scopes = request.scope.unwrap_or_default();
    let peers = view.clients().peers(&scopes).await?;
    let named = resources(view, &request.resources);
    let asker = Asker {
        client,
        peers: &peers,
        resources: &[],
    };
    password_scopes(&scopes, named, asker, &view.spec)?;
    let (id, connector) = password_connector(view, client)?;
    let typed = Typed {
        client,
        connector: &id,
        name: request.username.unwrap_or_default(),
        from,
    };
    let password = Password::from(request.password.unwrap_or_default());
    let identity = checked(view, &typed, &connector, password, &scopes).await?;
    let login = login_of(view, &id, identity);
    login_log::successful(view, from, client, &login);
    let grant = PasswordGrant {
        client_id: client.id.clone(),
        grant_id: GrantId::generate(view.effects.entropy.as_ref()),
        resources: named.to_vec(),
        nonce: request.nonce,
        scopes,
        login,
    };
    let facts = PasswordFacts {
        spec: &view.spec,
        keys: &view.keys,
        grant: &grant,
        asker,
        begins_refresh: gets_refresh(view, client, &grant.scopes, &grant.login),
    };
    let plan = password_plan(facts, view.now())?;
    let tokens = signers.sign(&plan).await?;
    write(view, &changes(view, &grant)).await?;
    if let Some(begun) = &plan.refresh {
        view.effects.store.add_refresh(begun, None).await?;
    }
    Ok(tokens.into_response(view.now()))
}

/// The tenant's connector for passwords, if this client's people may come through it.
fn password_connector(
    view: &TenantView,
    client: &Client,
) -> Result<(ConnectorId, Arc<dyn Connector>), Refusal> {
    let missing = Refusal::PasswordConnectorMissing;
    let id = view.spec.oauth2.password_connector.as_ref();
    let id = id.ok_or_else(|| missing.clone())?;
    let known = view.connectors.get(id).ok_or_else(|| missing.clone())?;
    if !known.spec.serves(GrantType::Password) {
        return Err(Refusal::GrantNotOfConnector(id.to_string()));
    }
    if !client.allows_connector(id) {
        return Err(Refusal::ConnectorNotOfClient(id.to_string()));
    }
    let opened = known.opened.clone().map_err(|_| missing)?;
    if !opened.capabilities().password {
        return Err(Refusal::PasswordConnectorAsksNone);
    }
    Ok((id.clone(), opened))
}

/// What somebody sent to be let in.
struct Typed<'a> {
    client: &'a Client,
    connector: &'a ConnectorId,
    name: String,
    from: &'a Browser,
}

impl Typed<'_> {
    /// Tells the log and the events that somebody was not let in.
    async fn denied(&self, view: &TenantView, reason: Denial) {
        let why = match reason {
            Denial::TooMany => TOO_MANY,
            _ => WRONG,
        };
        login_log::failed(view, self.from, self.connector, &self.name, why);
        let denied = Denied {
            client: &self.client.id,
            connector: self.connector,
            name: Some(&self.name),
            reason,
        };
        denied::tell(view, denied).await;
    }
}

/// Whose name and password these are. A name nobody has and a wrong password are answered alike.
async fn checked(
    view: &TenantView,
    typed: &Typed<'_>,
    connector: &Arc<dyn Connector>,
    password: Password,
    scopes: &Scopes,
) -> Result<UpstreamIdentity, FlowError> {
    let is_sent = !typed.name.is_empty() && !password.reveal().is_empty();
    if !is_sent && view.rules().password_grant_must_be_listed {
        return Err(Refusal::MissingPassword.into());
    }
    if typed.name.len() > LONGEST_NAME || password.reveal().len() > LONGEST_PASSWORD {
        login_log::failed(view, typed.from, typed.connector, &typed.name, WRONG);
        return Err(Refusal::WrongPassword.into());
    }
    let guesses = Guesses::of(view, typed.connector.as_str(), &typed.name, typed.from);
    rests(view, typed, &guesses).await?;
    let state = AuthRequestId::generate(view.effects.entropy.as_ref());
    let ctx = view.login_context(typed.connector, &state, scopes);
    let reply = Reply::Password {
        username: typed.name.clone(),
        password,
    };
    let answered = connector.complete(&ctx, &Memory::Null, reply).await;
    match within_domains(view, typed.connector, answered) {
        Ok(identity) => {
            // Guesses sent at once are all let in above; those beyond the limit must not be told apart.
            rests(view, typed, &guesses).await?;
            Ok(identity)
        }
        Err(ConnectorError::WrongPassword) => {
            let throttled = guesses.count().await?;
            typed.denied(view, Denial::WrongPassword).await;
            Err(match throttled {
                Some(wait) => too_many(wait).into(),
                None => Refusal::WrongPassword.into(),
            })
        }
        Err(error) => Err(failed(view, typed, error).await),
    }
}

/// Whether too many wrong ones came for this name, or from this address.
async fn rests(
    view: &TenantView,
    typed: &Typed<'_>,
    guesses: &Guesses<'_>,
) -> Result<(), FlowError> {
    let Some(wait) = guesses.exceeded().await? else {
        return Ok(());
    };
    typed.denied(view, Denial::TooMany).await;
    Err(too_many(wait).into())
}

/// What a connector's failure is to the client. dex calls each an invalid request.
async fn failed(view: &TenantView, typed: &Typed<'_>, error: ConnectorError) -> FlowError {
    if let Some(reason) = denial(&error) {
        let denied = Denied {
            client: &typed.client.id,
            connector: typed.connector,
            name: Some(&typed.name),
            reason,
        };
        denied::tell(view, denied).await;
    }
    match error {
        ConnectorError::Busy(_) => Refusal::Overloaded {
            retry_after_s: BUSY_FOR_S,
        }
        .into(),
        error if !view.rules().password_grant_must_be_listed => {
            Refusal::PasswordLoginFailed(error.to_string()).into()
        }
        ConnectorError::Denied(_) | ConnectorError::Declined | ConnectorError::NotInGroup => {
            Refusal::WrongPassword.into()
        }
        cause => Fault::of_connector(typed.connector, cause).into(),
    }
}

fn login_of(view: &TenantView, connector: &ConnectorId, identity: UpstreamIdentity) -> Login {
    let data = identity.connector_data;
    Login {
        connector_id: connector.clone(),
        claims: identity.claims,
        auth_time: view.now(),
        amr: identity.amr,
        acr: identity.acr,
        session_id: None,
        connector_data: data.map(|plain| sealed::seal(view, &plain)),
    }
}

/// The person is recorded as having logged in, as at the login page. There is no browser to have a
/// session in, and nobody was asked for consent.
fn changes(view: &TenantView, grant: &PasswordGrant) -> Changes {
    let login = &grant.login;
    let logged_in = EventKind::LoggedIn {
        client: grant.client_id.clone(),
        connector: login.connector_id.clone(),
        user: login.claims.user_id.clone(),
        session: None,
        amr: login.amr.clone(),
    };
    Changes {
        login: Some(RecordedLogin {
            connector: login.connector_id.clone(),
            claims: login.claims.clone(),
            consent: None,
            at: login.auth_time,
        }),
        events: vec![event(view, logged_in)],
        ..Changes::default()
    }
}
