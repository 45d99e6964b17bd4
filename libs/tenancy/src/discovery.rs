use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;

/// Fewer texts are not worth a look at which of them are still used.
const FEW: usize = 16;

/// A tenant's discovery document. All but the issuer in it is the same for very many tenants and is
/// held once; the whole is there for those who were asked for it.
#[derive(Clone)]
pub struct DiscoveryDocument {
    common: Arc<Common>,
    whole: OnceLock<Bytes>,
}

/// The text of a document without its issuer, and where that stands.
#[derive(PartialEq, Eq, Hash)]
struct Common {
    text: Box<str>,
    /// In ascending order.
    issuer_at: Box<[usize]>,
}

/// What the documents of tenants have in common, as long as some tenant has it.
#[derive(Default)]
pub(crate) struct DiscoveryTexts(Mutex<Texts>);

#[derive(Default)]
struct Texts {
    known: HashSet<Arc<Common>>,
    /// How many there may be before those that nobody uses any more are looked for.
    look_at: usize,
}

impl DiscoveryTexts {
    /// The document of a tenant, from its whole text.
    pub(crate) fn share(&self, whole: &str, issuer: &str) -> DiscoveryDocument {
        let common = Common::of(whole, issuer);
        let texts = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = texts.known.get(&common) {
            return DiscoveryDocument::of(Arc::clone(known));
        }
        if texts.known.len() >= texts.look_at.max(FEW) {
            texts.known.retain(|text| Arc::strong_count(text) > 1);
            texts.look_at = texts.known.len() * 2;
        }
        let common = Arc::new(common);
        texts.known.insert(Arc::clone(&common));
        DiscoveryDocument::of(common)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.lock().unwrap().known.len()
    }
}

impl DiscoveryDocument {
    const fn of(common: Arc<Common>) -> Self {
        let whole = OnceLock::new();
        Self { common, whole }
    }

    /// The whole text, of the tenant of this issuer. Put together when it is first asked for.
    pub(crate) fn bytes(&self, issuer: &str) -> Bytes {
        let together = || self.common.with(issuer);
        self.whole.get_or_init(together).clone()
    }
}

impl Common {
    fn with(&self, issuer: &str) -> Bytes {
        let Self { text, issuer_at } = self;
        let mut whole = Vec::with_capacity(text.len() + issuer_at.len() * issuer.len());
        let mut from = 0;
        for at in issuer_at {
            whole.extend_from_slice(text.get(from..*at).unwrap_or_default().as_bytes());
            whole.extend_from_slice(issuer.as_bytes());
            from = *at;
        }
        whole.extend_from_slice(text.get(from..).unwrap_or_default().as_bytes());
        whole.into()
    }

    /// An issuer that JSON writes otherwise than it is written is not found, and shares nothing.
    fn of(whole: &str, issuer: &str) -> Self {
        let mut parts = whole.split(issuer);
        let mut text = parts.next().unwrap_or_default().to_owned();
        let mut issuer_at = Vec::new();
        for part in parts {
            issuer_at.push(text.len());
            text.push_str(part);
        }
        Self {
            text: text.into(),
            issuer_at: issuer_at.into(),
        }
    }
}

impl fmt::Debug for DiscoveryDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DiscoveryDocument")
            .field(&self.common.text)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(issuer: &str, more: &str) -> String {
        format!(r#"{{"issuer":"{issuer}","token_endpoint":"{issuer}/token","more":"{more}"}}"#)
    }

    #[test]
    fn documents_that_differ_in_their_issuer_alone_share_the_rest_and_read_as_they_were_written() {
        let texts = DiscoveryTexts::default();
        let issuers = ["https://a.test", "https://b.test/dex"];
        let [one, two] = issuers.map(|issuer| texts.share(&document(issuer, "x"), issuer));
        assert!(Arc::ptr_eq(&one.common, &two.common));
        for (issuer, shared) in issuers.iter().zip([&one, &two]) {
            assert_eq!(shared.bytes(issuer), document(issuer, "x"));
        }
        let other = texts.share(&document("https://a.test", "y"), "https://a.test");
        assert!(!Arc::ptr_eq(&one.common, &other.common));
        assert_eq!(texts.len(), 2);
    }

    #[test]
    fn a_document_whose_issuer_is_escaped_in_it_reads_as_it_was_written() {
        let texts = DiscoveryTexts::default();
        let issuer = r#"https://a.test/"quoted""#;
        let whole = serde_json::json!({ "issuer": issuer }).to_string();
        assert_eq!(texts.share(&whole, issuer).bytes(issuer), whole);
    }

    #[test]
    fn what_no_tenant_has_any_more_is_forgotten() {
        let texts = DiscoveryTexts::default();
        let issuer = "https://a.test";
        let kept = texts.share(&document(issuer, "kept"), issuer);
        for number in 0..10 * FEW {
            let _gone = texts.share(&document(issuer, &number.to_string()), issuer);
        }
        assert!(texts.len() <= 2 * FEW, "{} texts", texts.len());
        let again = texts.share(&document(issuer, "kept"), issuer);
        assert!(Arc::ptr_eq(&kept.common, &again.common));
    }
}
