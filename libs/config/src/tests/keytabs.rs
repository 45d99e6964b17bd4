//! Keytabs of connectors, which are read with the tenant.

use data_encoding::BASE64;
use serde_json::json;

use super::{Folder, dexs, ours};

/// A keytab as far as this crate looks at one.
const KEYTAB: &str = "\u{5}\u{2}rest";

fn connector(kerberos: &str) -> String {
    format!(
        "connectors: [{{ type: oidc, id: l, name: L, config: {{ Kerberos: {{ {kerberos} }} }} }}]\n"
    )
}

fn held(folder: &Folder) -> serde_json::Value {
    let spec = folder.load().spec.unwrap();
    spec.connectors[0].config["Kerberos"].clone()
}

#[test]
fn a_keytab_is_read_with_the_tenant_and_a_new_one_is_a_change() {
    let text = connector("enabled: true, keytabpath: l.keytab");
    for folder in [ours(&text), dexs(&text)] {
        let folder = folder.file("l.keytab", KEYTAB);
        let before = folder.load();
        let coded = BASE64.encode(KEYTAB.as_bytes());
        let expected = json!({"enabled": true, "keytabpath": coded});
        assert_eq!(held(&folder), expected);
        let folder = folder.file("l.keytab", &format!("{KEYTAB}."));
        assert_ne!(folder.load().seen.fingerprint(), before.seen.fingerprint());
    }
}

#[test]
fn a_keytab_written_out_in_base64_is_taken_as_it_is() {
    let coded = BASE64.encode(KEYTAB.as_bytes());
    let folder = ours(&connector(&format!("enabled: true, keytabPath: {coded}")));
    assert_eq!(held(&folder)["keytabPath"], coded.as_str());
}

#[test]
fn a_keytab_that_cannot_be_had_is_an_error_but_dex_goes_on_with_passwords() {
    for (kerberos, cause) in [
        ("enabled: true", "is missing, so that no ticket can be read"),
        (
            "enabled: true, keytabPath: ''",
            "is empty, so that no ticket can be read",
        ),
        (
            "enabled: true, keytabPath: none.keytab",
            "is no keytab in base64, and the file",
        ),
        (
            "enabled: true, keytabPath: other",
            "is not a keytab (its first bytes are not 05 02)",
        ),
        (
            "enabled: true, keytabPath: /etc/passwd",
            "is no keytab in base64, and the file",
        ),
    ] {
        let text = connector(kerberos);
        let ours = ours(&text).file("other", "something");
        let said = ours.said().join("\n");
        assert!(said.starts_with("error tenant.yaml:"), "{said}");
        assert!(said.contains("config.Kerberos.keytabPath"), "{said}");
        assert!(said.contains(cause), "{said}");
        let dexs = dexs(&text).file("other", "something");
        let said = dexs.said().join("\n");
        assert!(said.starts_with("warning"), "{said}");
        assert!(said.contains(cause), "{said}");
        assert_eq!(held(&dexs)["enabled"], false, "{kerberos}");
    }
}

#[test]
fn a_keytab_that_nobody_needs_is_not_looked_for() {
    for kerberos in ["enabled: false, keytabPath: none", "keytabPath: none"] {
        let folder = ours(&connector(kerberos));
        assert_eq!(folder.said(), Vec::<String>::new(), "{kerberos}");
        assert_eq!(held(&folder)["keytabPath"], "none");
    }
}
