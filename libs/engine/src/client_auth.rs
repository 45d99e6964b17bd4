//! Is the client who it says it is?

use std::sync::{Arc, LazyLock};

use insula_ambient::Timestamp;
use insula_model::{Client, ClientSecret, Rules};
use insula_oauth::{ClientAuthError, ClientAuthMethod, PresentedClient};

use crate::{Evidence, Refusal};

/// What an unknown client is compared with. Made once, so that comparing costs what it costs for a
/// known client, whose hash is stored.
static NOBODYS: LazyLock<ClientSecret> =
    LazyLock::new(|| ClientSecret::new("the secret of nobody"));

/// A client that proved who it is, as far as it can. Only [`prove`] makes one.
#[derive(Debug, Clone)]
pub struct ProvenClient {
    client: Arc<Client>,
    method: ClientAuthMethod,
}

impl ProvenClient {
    /// The client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The same, to be kept.
    pub fn into_client(self) -> Arc<Client> {
        self.client
    }

    /// How it proved itself; [`None`](ClientAuthMethod::None) for a public client, which has nothing
    /// to prove.
    pub fn method(&self) -> ClientAuthMethod {
        self.method
    }
}

/// Reads the credentials of a request to the token, revocation or introspection endpoint
/// ([RFC 6749 §2.3](https://www.rfc-editor.org/rfc/rfc6749#section-2.3)).
///
/// dex takes a Basic header that it cannot read for none, and a request that names no client for
/// one with wrong credentials. Ours refuses a body that names another client than the header.
pub fn read(evidence: &Evidence<'_>, rules: &Rules) -> Result<PresentedClient, Refusal> {
    let form = &evidence.form;
    let authorization = evidence.authorization.first().copied().flatten();
    let presented = PresentedClient::read(authorization, form);
    if rules.is_lenient_about_client_authentication {
        return match presented {
            Err(ClientAuthError::MalformedBasic) => PresentedClient::read(None, form),
            presented => presented,
        }
        .map_err(|why| match why {
            ClientAuthError::Missing => Refusal::ClientCredentials,
            why => Refusal::ClientAuth(why),
        });
    }
    let presented = presented.map_err(Refusal::ClientAuth)?;
    let names_another = form.get("client_id").is_some_and(|id| id != presented.id);
    if presented.also_in_body || names_another {
        return Err(Refusal::ClientAuth(ClientAuthError::TwoMethods));
    }
    Ok(presented)
}

/// Whether `presented` proves to be `client`, which is `None` where nobody has that id.
///
/// [RFC 6749 §3.2.1](https://www.rfc-editor.org/rfc/rfc6749#section-3.2.1). Every secret of the
/// client is compared, in constant time, whether it is still good or not, so that no secret can be
/// measured out. An unknown client costs as much here as a known one; that there is a client of an id
/// is no secret, as the authorization endpoint tells anybody. A public client has nothing to prove,
/// but a secret that it has must be shown, and one that it has not must not.
pub fn prove(
    client: Option<Arc<Client>>,
    presented: &PresentedClient,
    now: Timestamp,
) -> Result<ProvenClient, Refusal> {
    let secret = presented.secret.as_ref();
    let secret = secret.map_or("", |secret| secret.reveal());
    let Some(client) = client else {
        std::hint::black_box(NOBODYS.matches(secret));
        return Err(Refusal::ClientCredentials);
    };
    let matching = client.secrets.iter().filter(|own| own.matches(secret));
    let good = matching.filter(|own| own.is_good_at(now));
    let is_proven = good.count() > 0 && !secret.is_empty();
    let needs_no_proof = client.public && client.secrets.is_empty() && secret.is_empty();
    let method = match (is_proven, needs_no_proof) {
        (true, _) => presented.method,
        (false, true) => ClientAuthMethod::None,
        (false, false) => return Err(Refusal::ClientCredentials),
    };
    Ok(ProvenClient { client, method })
}

#[cfg(test)]
mod tests;
