use insula_ambient::read_base64;

use crate::LoadOptions;
use crate::reading::Reading;
use crate::tree::{Kind, Node};

/// The longest file of certificates; a machine's own bundle has some 250 KB.
const MAX_BYTES: u64 = 1024 * 1024;

/// Replaces paths by what their files hold, where a kind of connector takes certificates as dex
/// does: PEM, base64 of PEM, or the path of a PEM file. So a change of the file is a change of the
/// tenant, and no connector reads a file.
pub(super) fn included(
    config: &mut Node,
    key: &str,
    kind: &str,
    options: &LoadOptions<'_>,
    reading: &mut Reading<'_>,
) {
    let Kind::Map(entries) = &mut config.kind else {
        return;
    };
    for entry in entries {
        let takes_paths =
            |(of, setting): &(&str, &str)| *of == kind && setting.eq_ignore_ascii_case(&entry.key);
        if options.certificates.iter().any(takes_paths) {
            let key = format!("{key}.{}", entry.key);
            include(&mut entry.value, &key, reading);
        }
    }
}

fn include(node: &mut Node, key: &str, reading: &mut Reading<'_>) {
    match &mut node.kind {
        Kind::Seq(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                include(item, &format!("{key}[{index}]"), reading);
            }
        }
        Kind::Scalar { text, .. } if !text.is_empty() && !is_pem(text) => {
            let path = reading.dir().join(text.as_str());
            let Some(reader) = reading.reader() else {
                let cause = "is the path of a file, which a document that came over the network \
                             has none of";
                reading.error(node.at, key, cause, "write the certificate itself");
                return;
            };
            match reader.read_text(&path, MAX_BYTES) {
                Ok(pem) => *text = pem,
                // dex serves without a connector that cannot be opened.
                Err(error) => {
                    let cause = format!(
                        "holds neither PEM nor base64 of PEM, and the file {} {}",
                        path.display(),
                        error.cause
                    );
                    reading.object(node.at, key, cause, error.next_step());
                }
            }
        }
        _ => {}
    }
}

fn is_pem(text: &str) -> bool {
    const BEGIN: &str = "-----BEGIN";
    let decoded = || read_base64(text.trim()).unwrap_or_default();
    text.contains(BEGIN) || decoded().starts_with(BEGIN.as_bytes())
}
