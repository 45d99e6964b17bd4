use std::fmt::Debug;
use std::net::IpAddr;
use std::time::Duration;

use insula_model::{ClientId, Rules};
use insula_oauth::Params;

use crate::Refusal;

/// What a request brings along to prove who sends it, read from the wire once and judged by
/// [`client_auth`](crate::client_auth) and [`bearer`](crate::bearer).
#[derive(Debug, Clone, Default)]
pub struct Evidence<'r> {
    /// Every `Authorization` header, in order; `None` for one that is not text.
    pub authorization: Vec<Option<&'r str>>,
    /// The query as it came.
    pub query: &'r str,
    /// The parameters of a form body; empty where the body is no form.
    pub form: Params,
    /// The address it came from, proxies seen through; for the log and for limits, never a proof.
    pub address: Option<IpAddr>,
    /// Whether that is a proxy which nobody named as trusted: everybody comes from there.
    pub address_is_shared: bool,
    /// What the tenant still admits of its clients; any number where it is nothing.
    pub budget: Option<&'r dyn ClientBudget>,
}

/// A tenant's budget of requests, as its clients share it.
pub trait ClientBudget: Debug + Send + Sync {
    /// Admits a request of a client that proved who it is, or says how long to wait.
    fn admit(&self, client: &ClientId) -> Result<(), Duration>;
}

impl<'r> Evidence<'r> {
    /// That of a request with this form body and nothing else.
    pub fn of_form(form: Params) -> Self {
        Self {
            form,
            ..Self::default()
        }
    }

    /// The same with one more `Authorization` header.
    #[must_use]
    pub fn with_authorization(mut self, header: &'r str) -> Self {
        self.authorization.push(Some(header));
        self
    }

    /// Whether each parameter of the form comes once
    /// ([RFC 6749 §3.2](https://www.rfc-editor.org/rfc/rfc6749#section-3.2)): of two tokens one would be
    /// judged, and the client would believe it of the other.
    pub fn must_not_repeat(&self, rules: &Rules) -> Result<(), Refusal> {
        let repeated = self.form.duplicate();
        let repeated = repeated.filter(|_| rules.refuses_repeated_parameters);
        repeated.map_or(Ok(()), |name| {
            Err(Refusal::DuplicateParameter(name.to_owned()))
        })
    }
}
