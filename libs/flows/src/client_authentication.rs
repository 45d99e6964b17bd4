//! Who asks, at an endpoint for clients' programs.

use insula_engine::Evidence;
use insula_engine::client_auth::{self, ProvenClient};
use insula_oauth::ClientAuthMethod;

use crate::client_guesses::{ClientGuesses, too_many};
use crate::{FlowError, TenantView, login_log};

/// The client of a request to an endpoint for programs, proven: tokens, revocation, introspection, devices
/// that ask. Wrong secrets slow it down at the address they come from. Once proven it asks for its part of
/// what the tenant admits: before, anybody could use up another's.
pub(crate) async fn authenticated(
    view: &TenantView,
    evidence: &Evidence<'_>,
) -> Result<ProvenClient, FlowError> {
    let presented = client_auth::read(evidence, view.rules())?;
    login_log::about_client(view, &presented.id);
    let client = view.clients().find(&presented.id).await?;
    let address = evidence.address.filter(|_| !evidence.address_is_shared);
    let guesses = ClientGuesses::of(view, client.as_deref(), &presented, address);
    if let Some(guesses) = &guesses {
        guesses.must_not_rest()?;
    }
    let proven = match client_auth::prove(client, &presented, view.now()) {
        Ok(proven) => proven,
        Err(refusal) => {
            if let Some(guesses) = guesses {
                guesses.count().await?;
            }
            return Err(refusal.into());
        }
    };
    let budget = evidence
        .budget
        .filter(|_| proven.method() != ClientAuthMethod::None);
    if let Some(budget) = budget {
        budget.admit(&proven.client().id).map_err(too_many)?;
    }
    Ok(proven)
}

#[cfg(test)]
mod tests;
