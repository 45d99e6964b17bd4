use insula_model::{ConnectorSpec, Issuer};
use insula_saml::{DecryptionKey, NAME_ID_FORMATS, Signatures, TrustedKeys};
use insula_secret::Secret;
use serde::Deserialize;
use serde_json::Value;

use crate::callback;
use crate::http::pem;
use crate::settings::{Kind, Reading, Setting, is_web_address, read};

/// dex's settings of a `saml` connector, by dex's names, and ours to decrypt.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Settings {
    #[serde(rename = "ssoURL")]
    pub(super) sso_url: String,
    ca: String,
    ca_data: String,
    insecure_skip_signature_validation: bool,
    #[serde(rename = "redirectURI")]
    pub(super) redirect_uri: String,
    /// What we are called there.
    pub(super) entity_issuer: String,
    /// What it is called.
    pub(super) sso_issuer: String,
    pub(super) username_attr: String,
    pub(super) email_attr: String,
    pub(super) groups_attr: String,
    pub(super) groups_delim: String,
    pub(super) allowed_groups: Vec<String>,
    pub(super) filter_groups: bool,
    #[serde(rename = "nameIDPolicyFormat")]
    name_id_policy_format: String,
    /// Ours: keys that assertions are encrypted for, the newest first.
    decryption_keys: Vec<Secret<str>>,
    /// Ours: certificates of those keys, for the metadata.
    decryption_certs: Vec<String>,
}

/// Every setting there is.
pub(super) const SETTINGS: &[Setting] = &[
    Setting("ssoURL", Kind::Text),
    Setting("ca", Kind::Text),
    Setting("caData", Kind::Text),
    Setting("insecureSkipSignatureValidation", Kind::Flag),
    Setting("redirectURI", Kind::Text),
    Setting("entityIssuer", Kind::Text),
    Setting("ssoIssuer", Kind::Text),
    Setting("usernameAttr", Kind::Text),
    Setting("emailAttr", Kind::Text),
    Setting("groupsAttr", Kind::Text),
    Setting("groupsDelim", Kind::Text),
    Setting("allowedGroups", Kind::Texts),
    Setting("filterGroups", Kind::Flag),
    Setting("nameIDPolicyFormat", Kind::Text),
    Setting("decryptionKeys", Kind::Texts),
    Setting("decryptionCerts", Kind::Texts),
];

impl Settings {
    pub(super) fn read(config: &Value) -> Reading<Self> {
        read(config, SETTINGS)
    }

    /// Every problem in what they say.
    pub(super) fn problems(&self, spec: &ConnectorSpec, issuer: &Issuer) -> Vec<String> {
        let mut problems = Vec::new();
        if self.sso_url.is_empty() {
            problems.push("ssoURL is missing: where the identity provider is asked".to_owned());
        } else if !is_web_address(&self.sso_url) {
            problems.push("ssoURL must be an address like https://idp.example/sso".to_owned());
        }
        for (name, value, what) in [
            ("usernameAttr", &self.username_attr, "a person's name"),
            ("emailAttr", &self.email_attr, "their mail address"),
        ] {
            if value.is_empty() {
                problems.push(format!("{name} is missing: the attribute with {what}"));
            }
        }
        problems.extend(callback::wrong(&self.redirect_uri, spec, issuer));
        if self.name_format().is_none() {
            let known: Vec<_> = NAME_ID_FORMATS.iter().map(|(short, _)| *short).collect();
            problems.push(format!(
                "nameIDPolicyFormat must be one of {}, or the whole name of one",
                known.join(", ")
            ));
        }
        if !self.allowed_groups.is_empty() && self.groups_attr.is_empty() {
            problems
                .push("allowedGroups is set, but no groupsAttr: nobody would be let in".to_owned());
        }
        problems.extend(self.signatures().err());
        problems.extend(self.decryption().err());
        problems.extend(self.certificates().err());
        problems
    }

    /// Whose signatures count. Without a certificate nobody's would, so that none is a mistake.
    pub(super) fn signatures(&self) -> Result<Signatures, String> {
        if self.insecure_skip_signature_validation {
            return Ok(Signatures::Ignored);
        }
        let (setting, text) = match (self.ca.is_empty(), self.ca_data.is_empty()) {
            (false, true) => ("ca", &self.ca),
            (true, false) => ("caData", &self.ca_data),
            (true, true) => {
                return Err(
                    "ca or caData is missing: the certificate that the identity provider signs with"
                        .to_owned(),
                );
            }
            (false, false) => {
                return Err("ca and caData are both set; write one of them".to_owned());
            }
        };
        let trusted = TrustedKeys::of_certificates(&pem(setting, text)?);
        trusted
            .map(Signatures::Of)
            .map_err(|cause| format!("{setting} cannot be used: {cause}"))
    }

    /// What opens encrypted assertions.
    pub(super) fn decryption(&self) -> Result<Vec<DecryptionKey>, String> {
        let keys = self.decryption_keys.iter().enumerate();
        let keys = keys.map(|(at, key)| {
            let named = format!("decryptionKeys[{at}]");
            let pem = Secret::new(pem(&named, key.reveal())?);
            DecryptionKey::of_pem(&pem).map_err(|cause| format!("{named} {cause}"))
        });
        keys.collect()
    }

    /// The certificates that an identity provider encrypts for, in base64.
    pub(super) fn certificates(&self) -> Result<Vec<String>, String> {
        let mut all = Vec::new();
        for (at, text) in self.decryption_certs.iter().enumerate() {
            let named = format!("decryptionCerts[{at}]");
            let found = insula_saml::certificates(&pem(&named, text)?);
            all.extend(found.map_err(|cause| format!("{named} cannot be used: {cause}"))?);
        }
        if !all.is_empty() && self.decryption_keys.is_empty() {
            return Err("decryptionCerts is set, but no decryptionKeys to go with it".to_owned());
        }
        Ok(all)
    }

    /// Which format a name is to have, in full. dex's short names are told apart by case.
    pub(super) fn name_format(&self) -> Option<&'static str> {
        let written = match self.name_id_policy_format.as_str() {
            "" => "persistent",
            written => written,
        };
        let mut known = NAME_ID_FORMATS.iter();
        let found = known.find(|(short, whole)| written == *short || written == *whole);
        found.map(|(_, whole)| *whole)
    }

    /// For whom an assertion must be: us, by the name that we have there, else by where it arrives.
    pub(super) fn audience<'a>(&'a self, callback_url: &'a str) -> &'a str {
        if self.entity_issuer.is_empty() {
            callback_url
        } else {
            &self.entity_issuer
        }
    }
}
