use std::time::Duration;

use bergshamra::xml::uppsala::NodeId;
use data_encoding::BASE64;
use insula_ambient::Timestamp;

use crate::conditions;
use crate::encrypted;
use crate::keys::{DecryptionKey, TrustedKeys};
use crate::names::{ASSERTION, PROTOCOL, STATUS};
use crate::refused::{Refused, Why};
use crate::signature;
use crate::tree::Tree;

/// The longest response in base64, in bytes. Honest ones have about ten thousand.
pub const LONGEST_RESPONSE: usize = 192 * 1024;

/// What is told of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertion {
    /// `NameID`, to the letter.
    pub name_id: String,
    /// In which format it is, where that is said.
    pub name_format: Option<String>,
    /// Attributes by their `Name`, in their order.
    pub attributes: Vec<(String, Vec<String>)>,
    /// `AuthnContextClassRef`.
    pub context: Option<String>,
}

impl Assertion {
    /// All values of an attribute; nothing if there is no such attribute.
    pub fn values(&self, name: &str) -> Option<Vec<&str>> {
        let all = self.attributes.iter().filter(|(known, _)| known == name);
        let mut is_there = false;
        let values = all.flat_map(|(_, values)| {
            is_there = true;
            values.iter().map(String::as_str)
        });
        let values: Vec<_> = values.collect();
        is_there.then_some(values)
    }
}

/// What a response must fit.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The ID of the request that it answers.
    pub request_id: &'a str,
    /// Where it arrives: our assertion consumer service.
    pub acs_url: &'a str,
    /// Who we are.
    pub audience: &'a str,
    /// Who answers, where that is known.
    pub issuer: Option<&'a str>,
    /// Since when the person must have proven themselves, where that was asked.
    pub fresh_since: Option<Timestamp>,
    /// By how much clocks may differ.
    pub skew: Duration,
    /// The present.
    pub now: Timestamp,
}

/// Whose signatures count.
pub enum Signatures {
    /// Those of these keys. What none of them signed is not read.
    Of(TrustedKeys),
    /// Nobody looks: anybody can write a response. For laboratories.
    Ignored,
}

/// Reads responses.
pub struct ServiceProvider {
    /// Whose signatures count.
    pub signatures: Signatures,
    /// What opens an encrypted assertion, the newest first.
    pub decryption: Vec<DecryptionKey>,
}

/// Where things are in a response.
struct Parts {
    response: NodeId,
    assertion: Option<NodeId>,
    encrypted: Option<NodeId>,
}

impl ServiceProvider {
    /// What a response says that was posted to us, if it is to be believed.
    ///
    /// In this order: its size and its form; what it says of success; its signatures; decryption; that
    /// a signature covers the assertion; for whom, from whom, in answer to what and when it is.
    pub fn read(&self, posted: &str, expected: &Expected<'_>) -> Result<Assertion, Refused> {
        let xml = decoded(posted)?;
        let tree = Tree::parse(&xml)?;
        let response = tree.root().ok_or(Why::NotAResponse)?;
        check_root(&tree, response)?;
        check_status(&tree, response)?;
        let parts = parts(&tree, response)?;
        let covered = self.covered(&tree, &parts, None)?;
        let is_response_signed = covered.contains(&response);
        check_response(&tree, response, expected)?;
        if let Some(assertion) = parts.assertion {
            let is_covered = is_response_signed || covered.contains(&assertion);
            self.must_be(is_covered)?;
            return told(&tree, assertion, expected);
        }
        let encrypted = parts.encrypted.ok_or(Why::NotOneAssertion)?;
        let opened = encrypted::opened(&tree, encrypted, &self.decryption, is_response_signed)?;
        self.read_opened(&opened, is_response_signed, expected)
    }

    /// Reads a response whose assertion was decrypted. A signature around it was verified before, over
    /// what was encrypted.
    fn read_opened(
        &self,
        opened: &str,
        is_response_signed: bool,
        expected: &Expected<'_>,
    ) -> Result<Assertion, Refused> {
        let tree = Tree::parse(opened)?;
        let response = tree.root().ok_or(Why::NotAResponse)?;
        let parts = parts(&tree, response)?;
        let assertion = parts.assertion.ok_or(Why::NotOneAssertion)?;
        let done = is_response_signed.then_some(response);
        let covered = self.covered(&tree, &parts, done)?;
        self.must_be(is_response_signed || covered.contains(&assertion))?;
        told(&tree, assertion, expected)
    }

    fn covered(
        &self,
        tree: &Tree<'_>,
        parts: &Parts,
        done: Option<NodeId>,
    ) -> Result<Vec<NodeId>, Refused> {
        let Signatures::Of(keys) = &self.signatures else {
            return Ok(Vec::new());
        };
        let holders = [Some(parts.response), parts.assertion];
        let holders: Vec<_> = holders.into_iter().flatten().collect();
        signature::covered(tree, keys, &holders, done)
    }

    /// What no signature covers is not read, unless nobody is to look at signatures.
    fn must_be(&self, is_covered: bool) -> Result<(), Refused> {
        match self.signatures {
            Signatures::Of(_) if !is_covered => Err(Why::Unsigned.into()),
            Signatures::Of(_) | Signatures::Ignored => Ok(()),
        }
    }
}

/// Base64 (RFC 4648), which may be broken into lines, of UTF-8.
fn decoded(posted: &str) -> Result<String, Refused> {
    if posted.len() > LONGEST_RESPONSE {
        return Err(Why::TooLong.into());
    }
    let is_blank = u8::is_ascii_whitespace;
    let letters: Vec<u8> = posted.bytes().filter(|byte| !is_blank(byte)).collect();
    let bytes = BASE64.decode(&letters).map_err(|_| Why::NotXml)?;
    String::from_utf8(bytes).map_err(|_| Why::NotXml.into())
}

fn check_root(tree: &Tree<'_>, response: NodeId) -> Result<(), Refused> {
    let is_ours = tree.is(response, PROTOCOL, "Response")
        && tree.attribute(response, "Version") == Some("2.0");
    is_ours
        .then_some(())
        .ok_or_else(|| Why::NotAResponse.into())
}

/// What became of the login (Core §3.2.2.2). Nobody need have signed it: it only ever ends a login.
fn check_status(tree: &Tree<'_>, response: NodeId) -> Result<(), Refused> {
    let status = tree.only(response, PROTOCOL, "Status");
    let top = status.and_then(|status| tree.only(status, PROTOCOL, "StatusCode"));
    let top = top.ok_or(Why::NotAResponse)?;
    let word = |node| {
        let value = tree.attribute(node, "Value").unwrap_or_default();
        value.strip_prefix(STATUS).unwrap_or(value)
    };
    let first = word(top);
    if first == "Success" {
        return Ok(());
    }
    let second = tree.child(top, PROTOCOL, "StatusCode").map(word);
    let message = status.and_then(|status| tree.child(status, PROTOCOL, "StatusMessage"));
    let message = message.map(|node| tree.text(node));
    let seen = [Some(first), second, message.as_deref()];
    let seen: Vec<_> = seen.into_iter().flatten().collect();
    let why = match second {
        Some("RequestDenied" | "AuthnFailed") => Why::Declined,
        _ => Why::Failed,
    };
    Err(Refused::seeing(why, seen.join(", ")))
}

/// Finds the one assertion, which is a child of the response, or of what was encrypted there. Wherever
/// else there is one, somebody put it there to be mistaken for it.
fn parts(tree: &Tree<'_>, response: NodeId) -> Result<Parts, Refused> {
    let assertions = tree.named(ASSERTION, "Assertion");
    let encrypted = tree.named(ASSERTION, "EncryptedAssertion");
    let parent = |node: NodeId| tree.document.parent(node);
    let parts = |assertion, encrypted| Parts {
        response,
        assertion,
        encrypted,
    };
    match (assertions.as_slice(), encrypted.as_slice()) {
        (&[one], []) if parent(one) == Some(response) => Ok(parts(Some(one), None)),
        ([], &[one]) if parent(one) == Some(response) => Ok(parts(None, Some(one))),
        (&[one], &[around]) if parent(one) == Some(around) && parent(around) == Some(response) => {
            Ok(parts(Some(one), None))
        }
        _ => Err(Why::NotOneAssertion.into()),
    }
}

/// What the response says of itself (Core §3.2.2, Bindings §3.5.5.2). Where only the assertion is signed
/// anybody may have written it, to no avail: the assertion says it all again.
fn check_response(
    tree: &Tree<'_>,
    response: NodeId,
    expected: &Expected<'_>,
) -> Result<(), Refused> {
    let told = |name| tree.attribute(response, name);
    match told("Destination") {
        Some(seen) if seen != expected.acs_url => {
            return Err(Refused::seeing(Why::Destination, seen));
        }
        _ => {}
    }
    match told("InResponseTo") {
        Some(seen) if seen != expected.request_id => {
            return Err(Refused::seeing(Why::InResponseTo, seen));
        }
        _ => {}
    }
    check_issuer(tree.trimmed(response, "Issuer"), expected)
}

fn check_issuer(told: Option<String>, expected: &Expected<'_>) -> Result<(), Refused> {
    match (told, expected.issuer) {
        (Some(told), Some(issuer)) if told != issuer => Err(Refused::seeing(Why::Issuer, told)),
        _ => Ok(()),
    }
}

fn told(tree: &Tree<'_>, assertion: NodeId, expected: &Expected<'_>) -> Result<Assertion, Refused> {
    if tree.attribute(assertion, "Version") != Some("2.0") {
        return Err(Why::NotAResponse.into());
    }
    let issuer = tree.trimmed(assertion, "Issuer");
    check_issuer(Some(issuer.unwrap_or_default()), expected)?;
    let subject = tree.only(assertion, ASSERTION, "Subject");
    let subject = subject.ok_or(Why::NoName)?;
    conditions::check_subject(tree, subject, expected)?;
    conditions::check(tree, assertion, expected)?;
    let context = conditions::check_login(tree, assertion, expected)?;
    let name = tree.only(subject, ASSERTION, "NameID");
    let name = name.ok_or(Why::NoName)?;
    let name_id = tree.text(name);
    if name_id.trim().is_empty() {
        return Err(Why::NoName.into());
    }
    Ok(Assertion {
        name_id,
        name_format: tree.attribute(name, "Format").map(str::to_owned),
        attributes: attributes(tree, assertion),
        context,
    })
}

fn attributes(tree: &Tree<'_>, assertion: NodeId) -> Vec<(String, Vec<String>)> {
    let statements = tree.children(assertion, ASSERTION, "AttributeStatement");
    let attributes = statements
        .into_iter()
        .flat_map(|statement| tree.children(statement, ASSERTION, "Attribute"));
    attributes
        .map(|attribute| {
            let name = tree.attribute(attribute, "Name").unwrap_or_default();
            let values = tree.children(attribute, ASSERTION, "AttributeValue");
            let values = values.into_iter().map(|value| tree.text(value)).collect();
            (name.to_owned(), values)
        })
        .collect()
}
