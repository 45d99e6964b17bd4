//! Home-realm discovery: the domain of a mail address leads to the connector of its people.

use insula_model::{ConnectorId, ConnectorSpec, email_domain};

use super::next::{Choice, Next};

/// Why the address that somebody typed leads nowhere. Never whether somebody has it: only its domain
/// is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressTrouble {
    /// It is no mail address.
    Malformed,
    /// No connector takes people of its domain.
    Unroutable,
}

/// Whether people are asked for their address before they are shown ways to log in: there are
/// several, and some are for the people of domains.
pub(super) fn asks_for_address(available: &[&ConnectorSpec]) -> bool {
    available.len() > 1 && available.iter().any(|one| !one.domains.is_empty())
}

/// Where a person goes by the address they typed, or by the client's hint of it. Who is of no known
/// domain has the connectors that own none. `must_ask`: the page is wanted, whatever the hint says.
pub(super) fn led(
    available: &[&ConnectorSpec],
    choice: &Choice,
    login_hint: Option<&str>,
    must_ask: bool,
) -> Next {
    let others = available.iter().filter(|one| one.domains.is_empty());
    let others: Vec<ConnectorId> = others.map(|one| one.id.clone()).collect();
    let (address, is_typed) = match choice {
        Choice::Typed(address) => (Some(address.as_str()), true),
        _ => (login_hint, false),
    };
    let ask = |others, trouble: AddressTrouble| Next::AskAddress {
        others,
        trouble: is_typed.then_some(trouble),
    };
    let domain = address.map(str::trim).and_then(email_domain);
    let Some(domain) = domain.filter(|_| is_typed || !must_ask) else {
        return ask(others, AddressTrouble::Malformed);
    };
    if let Some(owner) = available.iter().find(|one| one.owns_domain(&domain)) {
        return Next::LogIn(owner.id.clone());
    }
    match others.as_slice() {
        [] => ask(others, AddressTrouble::Unroutable),
        [only] => Next::LogIn(only.clone()),
        _ => Next::Choose(others),
    }
}

#[cfg(test)]
mod tests;
