//! For whom and when an assertion holds.

use bergshamra::xml::uppsala::NodeId;
use insula_ambient::Timestamp;

use crate::instant;
use crate::names::{ASSERTION, BEARER};
use crate::refused::{Refused, Why};
use crate::response::Expected;
use crate::tree::Tree;

/// Whether whoever brings the assertion is meant, here and now
/// ([Profiles §4.1.4.2](https://docs.oasis-open.org/security/saml/v2.0/saml-profiles-2.0-os.pdf)): one
/// bearer confirmation must hold in full.
pub(crate) fn check_subject(
    tree: &Tree<'_>,
    subject: NodeId,
    expected: &Expected<'_>,
) -> Result<(), Refused> {
    let mut first = None;
    for confirmation in tree.children(subject, ASSERTION, "SubjectConfirmation") {
        if tree.attribute(confirmation, "Method") != Some(BEARER) {
            continue;
        }
        let Some(data) = tree.only(confirmation, ASSERTION, "SubjectConfirmationData") else {
            continue;
        };
        match check_confirmation(tree, data, expected) {
            Ok(()) => return Ok(()),
            Err(refused) => first = first.or(Some(refused)),
        }
    }
    Err(first.unwrap_or_else(|| Why::NoBearer.into()))
}

fn check_confirmation(
    tree: &Tree<'_>,
    data: NodeId,
    expected: &Expected<'_>,
) -> Result<(), Refused> {
    let written = |name| tree.attribute(data, name).unwrap_or_default();
    if written("Recipient") != expected.acs_url {
        return Err(Refused::seeing(Why::Recipient, written("Recipient")));
    }
    if written("InResponseTo") != expected.request_id {
        return Err(Refused::seeing(Why::InResponseTo, written("InResponseTo")));
    }
    let until = tree.attribute(data, "NotOnOrAfter");
    if until.is_none() {
        return Err(Refused::seeing(Why::TooLate, "no NotOnOrAfter"));
    }
    check_times(tree.attribute(data, "NotBefore"), until, expected)
}

/// The conditions of an assertion (Core §2.5): it says for whom it is, and every condition is one that
/// is understood.
pub(crate) fn check(
    tree: &Tree<'_>,
    assertion: NodeId,
    expected: &Expected<'_>,
) -> Result<(), Refused> {
    let nobody = || Refused::seeing(Why::Audience, "no AudienceRestriction");
    let conditions = tree.children(assertion, ASSERTION, "Conditions");
    let conditions = match conditions.as_slice() {
        [one] => *one,
        [] => return Err(nobody()),
        _ => return Err(Why::Condition.into()),
    };
    check_times(
        tree.attribute(conditions, "NotBefore"),
        tree.attribute(conditions, "NotOnOrAfter"),
        expected,
    )?;
    let mut is_restricted = false;
    for condition in tree.elements(conditions) {
        if tree.is(condition, ASSERTION, "AudienceRestriction") {
            is_restricted = true;
            check_audience(tree, condition, expected)?;
        } else if !["OneTimeUse", "ProxyRestriction"]
            .iter()
            .any(|name| tree.is(condition, ASSERTION, name))
        {
            return Err(Why::Condition.into());
        }
    }
    is_restricted.then_some(()).ok_or_else(nobody)
}

/// Several restrictions all hold; in one, any audience does (Core §2.5.1.4).
fn check_audience(
    tree: &Tree<'_>,
    restriction: NodeId,
    expected: &Expected<'_>,
) -> Result<(), Refused> {
    let audiences = tree.children(restriction, ASSERTION, "Audience");
    let audiences: Vec<_> = audiences.into_iter().map(|node| tree.text(node)).collect();
    if audiences
        .iter()
        .any(|text| text.trim() == expected.audience)
    {
        return Ok(());
    }
    Err(Refused::seeing(Why::Audience, audiences.join(", ")))
}

/// A beginning counts, an end does not (Core §2.5.1.2).
fn check_times(
    from: Option<&str>,
    until: Option<&str>,
    expected: &Expected<'_>,
) -> Result<(), Refused> {
    if let Some(from) = from
        && instant::read(from)? > expected.now + expected.skew
    {
        return Err(Refused::seeing(Why::TooEarly, from));
    }
    match until {
        Some(until) if is_over(instant::read(until)?, expected) => {
            Err(Refused::seeing(Why::TooLate, until))
        }
        _ => Ok(()),
    }
}

fn is_over(until: Timestamp, expected: &Expected<'_>) -> bool {
    expected.now >= until + expected.skew
}

/// What is said of how the person was logged in: the session there is not over, and, where a new proof
/// was asked for, it is new. Answers the class of the context.
pub(crate) fn check_login(
    tree: &Tree<'_>,
    assertion: NodeId,
    expected: &Expected<'_>,
) -> Result<Option<String>, Refused> {
    let statement = tree.child(assertion, ASSERTION, "AuthnStatement");
    if let Some(since) = expected.fresh_since {
        let instant = statement.and_then(|node| tree.attribute(node, "AuthnInstant"));
        let instant = instant.ok_or_else(|| Refused::seeing(Why::Stale, "no AuthnInstant"))?;
        if instant::read(instant)? + expected.skew < since {
            return Err(Refused::seeing(Why::Stale, instant));
        }
    }
    let Some(statement) = statement else {
        return Ok(None);
    };
    check_times(
        None,
        tree.attribute(statement, "SessionNotOnOrAfter"),
        expected,
    )?;
    let context = tree.child(statement, ASSERTION, "AuthnContext");
    Ok(context.and_then(|context| tree.trimmed(context, "AuthnContextClassRef")))
}
