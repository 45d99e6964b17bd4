use insula_engine::Peers;
use insula_engine::grants::{ClientCredentialsFacts, client_credentials, client_credentials_plan};
use insula_model::{Client, GrantId};
use insula_oauth::{ClientCredentialsRequest, TokenResponse};

use super::signers;
use crate::{FlowError, TenantView};

/// Gives a client a token that is about itself.
///
/// Nothing is written: the token alone is its family, and a row is written only if it is revoked.
pub(super) async fn issue_to(
    view: &TenantView,
    client: &Client,
    request: &ClientCredentialsRequest,
) -> Result<TokenResponse, FlowError> {
    let signers = signers(view, client).await?;
    let peers = match &request.scope {
        Some(scopes) => view.clients().peers(scopes).await?,
        None => Peers::default(),
    };
    let access = client_credentials(request, client, &peers, &view.spec)?;
    let grant_id = GrantId::generate(view.effects.entropy.as_ref());
    let facts = ClientCredentialsFacts {
        spec: &view.spec,
        client,
        grant_id: &grant_id,
        access: &access,
    };
    let plan = client_credentials_plan(request, facts);
    Ok(signers.sign(&plan).await?.into_response(view.now()))
}
