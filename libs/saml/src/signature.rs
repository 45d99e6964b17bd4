//! Which of the parts of a response are signed.

use bergshamra::VerifyResult;
use bergshamra::dsig::verify::verify_all_document_with_source;
use bergshamra::xml::uppsala::NodeId;

use crate::keys::TrustedKeys;
use crate::names::{DIGESTS, DSIG, ENVELOPED, EXC_C14N, SIGNATURES};
use crate::refused::{Refused, Why};
use crate::tree::Tree;

/// The nodes that signatures cover, each by one that it holds itself
/// ([Core §5.4](https://docs.oasis-open.org/security/saml/v2.0/saml-core-2.0-os.pdf)).
///
/// Signatures belong into one of `holders`, and every one that is there must be good: the form is
/// judged before anything is computed. `done` holds one that was verified before.
pub(crate) fn covered(
    tree: &Tree<'_>,
    keys: &TrustedKeys,
    holders: &[NodeId],
    done: Option<NodeId>,
) -> Result<Vec<NodeId>, Refused> {
    let signatures = tree.named(DSIG, "Signature");
    let mut signed: Vec<NodeId> = Vec::new();
    for &signature in &signatures {
        let holder = tree.document.parent(signature);
        let holder = holder.filter(|holder| holders.contains(holder) && !signed.contains(holder));
        let holder = holder.ok_or(Why::SignatureMisplaced)?;
        check_form(tree, signature, holder)?;
        signed.push(holder);
    }
    if signatures.is_empty() {
        return Ok(signed);
    }
    let source = Some(tree.source);
    let verified = verify_all_document_with_source(&keys.context, &tree.document, source)
        .map_err(|cause| Refused::seeing(Why::SignatureWrong, cause.to_string()))?;
    if verified.len() != signatures.len() {
        return Err(Why::SignatureMisplaced.into());
    }
    for ((result, signature), &holder) in verified.into_iter().zip(signatures).zip(&signed) {
        if done == Some(holder) {
            continue;
        }
        check_verdict(result, signature, holder)?;
    }
    Ok(signed)
}

/// A signature counts for the very node that the verifier found its one reference to lead to.
fn check_verdict(verdict: VerifyResult, signature: NodeId, holder: NodeId) -> Result<(), Refused> {
    match verdict {
        VerifyResult::Valid {
            signature_node,
            references,
            ..
        } => match references.as_slice() {
            [one]
                if signature_node == signature
                    && one.digest_verified
                    && one.resolved_node == Some(holder) =>
            {
                Ok(())
            }
            _ => Err(Why::SignatureOdd.into()),
        },
        VerifyResult::Invalid { reason } => Err(Refused::seeing(Why::SignatureWrong, reason)),
    }
}

/// The form that SAML allows (Core §5.4.2 to §5.4.4), and no more of it than anybody needs: one
/// reference to the holder by its ID, the enveloped signature left out, exclusive canonicalization.
fn check_form(tree: &Tree<'_>, signature: NodeId, holder: NodeId) -> Result<(), Refused> {
    let odd = |seen: &str| Refused::seeing(Why::SignatureOdd, seen);
    let one = |node, name| tree.only(node, DSIG, name).ok_or_else(|| odd(name));
    let only_these = |node, names: &[&str]| {
        let known = |child| names.iter().any(|name| tree.is(child, DSIG, name));
        let all = tree.elements(node).into_iter().all(known);
        all.then_some(()).ok_or_else(|| odd("an element too many"))
    };
    if tree.has_remarks(signature) {
        return Err(odd("a comment in a signature"));
    }
    only_these(signature, &["SignedInfo", "SignatureValue", "KeyInfo"])?;
    let info = one(signature, "SignedInfo")?;
    one(signature, "SignatureValue")?;
    only_these(
        info,
        &["CanonicalizationMethod", "SignatureMethod", "Reference"],
    )?;
    let algorithm = |node, allowed: &[&str]| {
        let written = tree.attribute(node, "Algorithm").unwrap_or_default();
        if allowed.contains(&written) {
            Ok(())
        } else {
            Err(Refused::seeing(Why::Algorithm, written))
        }
    };
    algorithm(one(info, "CanonicalizationMethod")?, &[EXC_C14N])?;
    let method = one(info, "SignatureMethod")?;
    algorithm(method, &SIGNATURES)?;
    only_these(method, &[])?;
    let reference = one(info, "Reference")?;
    only_these(reference, &["Transforms", "DigestMethod", "DigestValue"])?;
    let id = tree.attribute(holder, "ID").unwrap_or_default();
    let uri = tree.attribute(reference, "URI").unwrap_or_default();
    if id.is_empty() || uri.strip_prefix('#') != Some(id) {
        return Err(Refused::seeing(Why::SignatureOdd, uri));
    }
    algorithm(one(reference, "DigestMethod")?, &DIGESTS)?;
    one(reference, "DigestValue")?;
    let transforms = one(reference, "Transforms")?;
    only_these(transforms, &["Transform"])?;
    let transforms: Vec<_> = tree
        .elements(transforms)
        .into_iter()
        .map(|node| tree.attribute(node, "Algorithm").unwrap_or_default())
        .collect();
    match transforms.as_slice() {
        [ENVELOPED, EXC_C14N] => Ok(()),
        other => Err(Refused::seeing(Why::SignatureOdd, other.join(" "))),
    }
}
