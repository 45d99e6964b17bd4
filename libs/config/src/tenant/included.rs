use insula_ambient::read_base64;

use crate::LoadOptions;
use crate::reading::Reading;
use crate::tree::{Kind, Node};

/// The longest such file; a machine's own bundle of certificates has some 250 KB.
const MAX_BYTES: u64 = 1024 * 1024;

/// Replaces paths by what their files hold, where a kind of connector takes as dex does either the
/// path of a file or what is in it: certificates (PEM or base64 of PEM), the key of a service account
/// (JSON), a signed token. So a change of the file is a change of the tenant, and no connector reads a
/// file.
pub(super) fn replace_paths(
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
        if options.file_settings.iter().any(takes_paths) {
            let key = format!("{key}.{}", entry.key);
            replace(&mut entry.value, &key, reading);
        }
    }
}

fn replace(node: &mut Node, key: &str, reading: &mut Reading<'_>) {
    match &mut node.kind {
        Kind::Seq(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                replace(item, &format!("{key}[{index}]"), reading);
            }
        }
        Kind::Scalar { text, .. } if !text.is_empty() && !is_written_out(text) => {
            let path = reading.dir().join(text.as_str());
            let Some(reader) = reading.reader() else {
                let cause = "is the path of a file, which a document that came over the network \
                             has none of";
                reading.error(node.at, key, cause, "write what the file holds");
                return;
            };
            match reader.read_text(&path, MAX_BYTES) {
                Ok(held) => *text = held,
                // dex serves without a connector that cannot be opened.
                Err(error) => {
                    let cause = format!(
                        "holds no certificate, key or token, and the file {} {}",
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

/// Whether it is no path: PEM, base64 of PEM, a JSON object, or a signed token (RFC 7515 §7.1), whose
/// header is a JSON object in base64.
fn is_written_out(text: &str) -> bool {
    const BEGIN: &str = "-----BEGIN";
    const OBJECT: &str = "eyJ";
    let text = text.trim();
    let decoded = || read_base64(text).unwrap_or_default();
    text.contains(BEGIN)
        || text.starts_with('{')
        || (text.starts_with(OBJECT) && text.split('.').count() == 3)
        || decoded().starts_with(BEGIN.as_bytes())
}
