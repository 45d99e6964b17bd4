use std::time::Duration;

use insula_engine::Refusal;
use insula_engine::grants::{
    CodeFacts, Leave, RedemptionNote, RedemptionVerdict, authorization_code, code_plan,
    gets_refresh_token, redemption, remember_code_for,
};
use insula_engine::token_plan::{Asker, TokenPlan};
use insula_model::{Client, CodeClaim, CodeGrant, Login, TokenHash};
use insula_oauth::{CodeRequest, CodeVerifier, Scopes, TokenResponse};
use insula_store::{ClaimedCode, LeaveToAnswer, NotedRedemption, Redemption};
use tracing::warn;

use super::{Signers, refused, resources, signers};
use crate::{FlowError, TenantView};

/// Redeems a code, once.
///
/// The code is claimed, then the redemption is noted durably, then leave is asked to answer. Who
/// hears a fault, or nothing, may try again with the same code, verifier and redirect URI and gets
/// what the first try began; of any number of tries one is answered. Where the cache may have
/// forgotten something, or is not heard, the answer is taken durably before it is given (ADR 0035).
pub(super) async fn redeem(
    view: &TenantView,
    client: &Client,
    request: &CodeRequest,
) -> Result<TokenResponse, FlowError> {
    let code = request.code.as_ref().ok_or(Refusal::MissingCode)?.reveal();
    let signers = signers(view, client).await?;
    let judge = |grant: &CodeGrant| authorization_code(request, client, grant, view.rules());
    let presented = Presented {
        hash: TokenHash::of(code),
        presenter: presenter(client, request),
        bound_to: Some(code),
        was_unredeemed: false,
        resources: &request.resources,
        judge: &judge,
    };
    match redeemed(view, client, &presented, &signers).await {
        Err(FlowError::Refused(why)) => Err(refused(view, client, why.refusal).await),
        answer => answer,
    }
}

/// A code that is presented.
pub(super) struct Presented<'p> {
    /// What it is stored under.
    pub(super) hash: TokenHash,
    /// The hash of all that was presented with it.
    pub(super) presenter: TokenHash,
    /// The code itself, where an ID token is bound to it.
    pub(super) bound_to: Option<&'p str>,
    /// Whether it is known not to have been redeemed when it was presented: somebody else was faster then, and
    /// nothing is replayed.
    pub(super) was_unredeemed: bool,
    /// The resources that were named with it (RFC 8707 §2.2).
    pub(super) resources: &'p [String],
    /// Whether what was presented with it is good for what it stands for.
    pub(super) judge: &'p (dyn Fn(&CodeGrant) -> Result<(), Refusal> + Sync),
}

/// Redeems what was presented; a refusal may condemn its family.
pub(super) async fn redeemed(
    view: &TenantView,
    client: &Client,
    presented: &Presented<'_>,
    signers: &Signers<'_>,
) -> Result<TokenResponse, FlowError> {
    let (cache, hash) = (&view.effects.cache, &presented.hash);
    let Claimed {
        grant,
        number,
        claim,
    } = claimed(view, presented).await?;
    let peers = view.clients().peers(&grant.scopes).await?;
    let settled = || gets_refresh(view, client, &grant.scopes, &grant.login);
    let facts = CodeFacts {
        spec: &view.spec,
        keys: &view.keys,
        grant: &grant,
        asker: Asker {
            client,
            peers: &peers,
            resources: resources(view, presented.resources),
        },
        begins_refresh: grant.begins_refresh.unwrap_or_else(settled),
    };
    let plan = code_plan(presented.bound_to, facts, view.now())?;
    let tokens = signers.sign(&plan).await?;
    let remember = remember_code_for(&view.spec);
    let noted = noted(view, &plan, claim.as_ref(), remember).await?;
    let leave = cache.answer_code(hash, number, remember).await;
    let seen = match &leave {
        Ok(LeaveToAnswer::Given(epoch)) => Leave::Given(epoch.as_ref()),
        Ok(LeaveToAnswer::Refused) => Leave::Refused,
        Ok(LeaveToAnswer::Gone) => Leave::Gone,
        Err(_) => Leave::Unknown,
    };
    let family = || grant.grant_id.clone();
    let taken_over = || FlowError::from(Refusal::CodeTakenOver { grant: family() });
    match redemption(claim.as_ref(), noted.note(), seen) {
        RedemptionVerdict::Answer => {}
        RedemptionVerdict::AnswerIfTaken => {
            if let Err(error) = &leave {
                warn!(%error, "a redeemed code could not be marked in the cache");
            }
            if !is_taken(view, &plan).await? {
                return Err(taken_over());
            }
        }
        RedemptionVerdict::TakenOver => return Err(taken_over()),
        RedemptionVerdict::Gone => return Err(Refusal::CodeUnknown.into()),
        RedemptionVerdict::Replayed => {
            return Err(Refusal::CodeReplayed { grant: family() }.into());
        }
        RedemptionVerdict::TryAgain => {
            leave?;
            return Err(taken_over());
        }
    }
    Ok(tokens.into_response(view.now()))
}

/// Takes the one answer of a redemption, durably; whether nobody had taken it.
async fn is_taken(view: &TenantView, plan: &TokenPlan<'_>) -> Result<bool, FlowError> {
    let (store, now) = (&view.effects.store, view.now());
    Ok(match &plan.refresh {
        Some(begun) => store.take_refresh_answer(&begun.id, now).await?,
        None => store.take_answer(plan.grant_id, now).await?,
    })
}

/// A code that is the presenter's.
struct Claimed {
    grant: CodeGrant,
    number: u32,
    claim: Option<CodeClaim>,
}

/// Claims the code for all that was presented with it, and judges that.
///
/// Ours claims first: one round trip, and a code that was presented in the wrong way is used up for
/// everybody else, so that nobody tries verifiers on it. dex judges first and leaves a wrongly
/// presented code alone.
async fn claimed(view: &TenantView, presented: &Presented<'_>) -> Result<Claimed, FlowError> {
    let Presented {
        hash,
        presenter,
        judge,
        was_unredeemed,
        ..
    } = presented;
    let cache = &view.effects.cache;
    if view.rules().keeps_wrongly_presented_code
        && let Some(grant) = cache.peek_code(hash).await?
    {
        judge(&grant)?;
    }
    let at_least = view.spec.expiry.codes;
    let claimed = match cache.claim_code(hash, presenter, at_least).await? {
        ClaimedCode::Claimed {
            grant,
            claim: number,
            epoch,
        } => Claimed {
            grant: *grant,
            number,
            claim: epoch.map(|epoch| CodeClaim { epoch, number }),
        },
        ClaimedCode::Replayed(grant) if *was_unredeemed => {
            return Err(Refusal::CodeTakenOver { grant }.into());
        }
        ClaimedCode::Replayed(grant) => return Err(Refusal::CodeReplayed { grant }.into()),
        ClaimedCode::Unknown => return Err(Refusal::CodeUnknown.into()),
    };
    judge(&claimed.grant)?;
    Ok(claimed)
}

/// Who presents a code: the client, which is proven, and the evidence it sends beside the code. What it
/// asks for is none: who asks for a wrong resource asks again for the right one.
fn presenter(client: &Client, request: &CodeRequest) -> TokenHash {
    let verifier = request.code_verifier.as_ref().map(CodeVerifier::reveal);
    let parts = (client.id.as_str(), &request.redirect_uri, verifier);
    TokenHash::of(&format!("{parts:?}"))
}

/// What noting a redemption came to.
struct Noted {
    /// As it was noted before, if it was.
    before: Option<NotedRedemption>,
    /// The refresh grant it began is dead.
    is_revoked: bool,
}

impl Noted {
    fn note(&self) -> RedemptionNote<'_> {
        match &self.before {
            None => RedemptionNote::First,
            Some(before) if before.answered || self.is_revoked => {
                RedemptionNote::Answered(before.claim.as_ref())
            }
            Some(before) => RedemptionNote::Unanswered(before.claim.as_ref()),
        }
    }
}

/// Notes the redemption durably, with the claim, and begins the refresh grant if the plan has one.
async fn noted(
    view: &TenantView,
    plan: &TokenPlan<'_>,
    claim: Option<&CodeClaim>,
    remember: Duration,
) -> Result<Noted, FlowError> {
    let store = &view.effects.store;
    let until = view.now() + remember.max(view.spec.expiry.codes);
    let noted = match &plan.refresh {
        Some(begun) => store.add_refresh(begun, claim).await?,
        None => store.note_redeemed(plan.grant_id, claim, until).await?,
    };
    Ok(match noted {
        Redemption::First => Noted {
            before: None,
            is_revoked: false,
        },
        Redemption::Repeated(before) => Noted {
            is_revoked: plan.refresh.is_some() && before.refresh.is_none(),
            before: Some(before),
        },
    })
}

/// Whether a login gets a refresh token.
pub(crate) fn gets_refresh(
    view: &TenantView,
    client: &Client,
    scopes: &Scopes,
    login: &Login,
) -> bool {
    let Some(connector) = view.connectors.get(&login.connector_id) else {
        return false;
    };
    let can_refresh = connector
        .opened
        .as_ref()
        .is_ok_and(|opened| opened.capabilities().refresh);
    gets_refresh_token(scopes, client, &view.spec, &connector.spec, can_refresh)
}
