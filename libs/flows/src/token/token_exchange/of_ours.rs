use insula_engine::Refusal;
use insula_engine::access_token::VerifiedToken;
use insula_engine::client_auth::ProvenClient;
use insula_engine::grants::{
    OwnExchange, own_exchange, own_exchange_plan, own_requested_type, requested_type,
};
use insula_engine::token_plan::{EarlierSubject, EarlierWho};
use insula_model::{EventKind, GrantId};
use insula_oauth::{ClientAuthMethod, TokenExchangeRequest, TokenResponse, TokenType};

use super::{answered, audience, named_resources};
use crate::family::ended;
use crate::signing::{signers, with_key_of};
use crate::userinfo::known_person;
use crate::{FlowError, TenantView, login_log};

/// Exchanges an access token of ours for another
/// ([RFC 8693 §2.1](https://www.rfc-editor.org/rfc/rfc8693#section-2.1)).
pub(super) async fn exchange(
    view: &TenantView,
    proven: &ProvenClient,
    request: &TokenExchangeRequest,
    (kind, token): (TokenType, &str),
) -> Result<TokenResponse, FlowError> {
    let client = proven.client();
    let is_listed = client
        .token_exchange
        .as_ref()
        .is_some_and(|policy| !policy.access_tokens.is_empty());
    // Whoever finds a token could make more of it at a client that anybody can name.
    if proven.method() == ClientAuthMethod::None || !is_listed {
        return Err(Refusal::GrantNotAllowed.into());
    }
    if kind == TokenType::IdToken {
        return Err(Refusal::SubjectTokenType(kind.as_str().to_owned()).into());
    }
    let requested = own_requested_type(requested_type(request, view.rules())?)?;
    let signers = signers(view, client).await?;
    let refused = |why: String| Refusal::SubjectTokenRefused(why);
    let subject = good(view, token).await?.map_err(refused)?;
    let actor = actor(view, request).await?;
    let named = named_resources(view, request);
    let facts = OwnExchange {
        spec: &view.spec,
        client,
        subject: &subject,
        actor: actor.as_ref(),
        resources: &named,
        scopes: request.scope.as_ref(),
    };
    let exchanged = own_exchange(facts)?;
    let earlier = earlier(view, &subject, &exchanged.families).await?;
    let grant_id = GrantId::generate(view.effects.entropy.as_ref());
    let plan = own_exchange_plan(client, &grant_id, &exchanged, &earlier);
    let told = EventKind::TokenExchanged {
        client: client.id.clone(),
        subject: earlier.sub.clone(),
        connector: None,
        actor: exchanged.actor.as_ref().map(|actor| actor.sub.clone()),
        audience: audience(&plan),
        grant: grant_id.clone(),
        of: subject.grant(),
    };
    let answer = answered(view, &signers, &plan, requested, told, None).await?;
    login_log::exchanged(view, client, None, &earlier.sub);
    Ok(answer)
}

/// The actor's token, which comes with its type or not at all.
async fn actor(
    view: &TenantView,
    request: &TokenExchangeRequest,
) -> Result<Option<VerifiedToken>, FlowError> {
    let refused = |why: &str| FlowError::from(Refusal::ActorTokenRefused(why.to_owned()));
    let urn = request.actor_token_type.as_deref();
    let Some(token) = request.actor_token.as_ref() else {
        return match urn {
            None => Ok(None),
            Some(_) => Err(refused("actor_token_type came without actor_token")),
        };
    };
    match urn.map(TokenType::parse) {
        Some(Some(TokenType::AccessToken | TokenType::Jwt)) => {}
        Some(_) => return Err(refused("actor_token_type is not taken here")),
        None => return Err(refused("actor_token came without actor_token_type")),
    }
    let good = good(view, token.reveal()).await?;
    good.map(Some)
        .map_err(|why| Refusal::ActorTokenRefused(why).into())
}

/// An access token of this tenant that stands, or why it is none.
async fn good(view: &TenantView, token: &str) -> Result<Result<VerifiedToken, String>, FlowError> {
    let view = &*with_key_of(view, token).await;
    let token = match VerifiedToken::read(token, &view.spec, &view.keys, view.now()) {
        Ok(token) => token,
        Err(why) => return Ok(Err(format!("it is no access token of this tenant: {why}"))),
    };
    Ok(match ended(view, &token).await? {
        None => Ok(token),
        Some(why) => Err(format!("it is not good any more: {why}")),
    })
}

/// Whom the subject token is about: a person who is still known, or the client it was issued to.
async fn earlier(
    view: &TenantView,
    token: &VerifiedToken,
    families: &[GrantId],
) -> Result<EarlierSubject, FlowError> {
    let refused = |why: &str| Refusal::SubjectTokenRefused(why.to_owned());
    let (sub, person) = token.subject().ok_or_else(|| refused("it names nobody"))?;
    let issued_to = match token.client_id() {
        Some(id) => view.clients().find(id).await?,
        None => None,
    };
    let issued_to = issued_to.ok_or_else(|| refused("the client it was issued to is gone"))?;
    let who = match person {
        _ if sub == issued_to.id.as_str() => EarlierWho::Client(issued_to),
        Some((user, connector)) => {
            let first = families.last().cloned();
            let first = first.ok_or_else(|| refused("it came of no grant"))?;
            let known = known_person(view, first, &connector, &user).await?;
            let known = known.ok_or_else(|| refused("its person is known no more"))?;
            EarlierWho::Person(connector, known)
        }
        None => {
            // A client that acted for itself, and whose token was exchanged by another since.
            let own = view.clients().find(sub).await?;
            EarlierWho::Client(own.ok_or_else(|| refused("the client it is about is gone"))?)
        }
    };
    Ok(token.earlier(who, families))
}
