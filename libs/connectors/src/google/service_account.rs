use insula_ambient::Timestamp;
use insula_connector_kit::ConnectorError;
use insula_jose::{Alg, KeyId, SigningKey};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::settings::is_web_address;

/// What may be read: which groups there are, and who is in them.
const SCOPE: &str = "https://www.googleapis.com/auth/admin.directory.group.readonly";
/// For how long an assertion is good; Google takes none that is good for longer than an hour.
const LIFETIME: i64 = 600;

/// An account of a program at Google, with its key: what Google's console gives as a file.
pub(super) struct ServiceAccount {
    email: String,
    key: SigningKey,
    /// Where its assertions are exchanged for tokens.
    pub(super) token_endpoint: Url,
}

/// The file, as far as it is needed (Google Identity: Using OAuth 2.0 for server to server
/// applications).
#[derive(Default, Deserialize)]
#[serde(default)]
struct KeyFile {
    r#type: String,
    client_email: String,
    private_key: String,
    private_key_id: String,
    token_uri: String,
}

impl ServiceAccount {
    /// Reads what the file holds. What is told of it tells nothing that it holds.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("serviceAccountFilePath {what}");
        let file: KeyFile = serde_json::from_str(text).map_err(|_| {
            wrong("is neither the path of a file that could be read nor the JSON in it")
        })?;
        if file.r#type != "service_account" {
            return Err(wrong(
                "holds no key of a service account: its \"type\" is another one",
            ));
        }
        for (name, value) in [
            ("client_email", &file.client_email),
            ("private_key", &file.private_key),
            ("private_key_id", &file.private_key_id),
        ] {
            if value.is_empty() {
                return Err(wrong(&format!("holds no {name:?}")));
            }
        }
        let endpoint = Url::parse(&file.token_uri).ok();
        let endpoint = endpoint.filter(|_| is_web_address(&file.token_uri));
        let der = PrivatePkcs8KeyDer::from_pem_slice(file.private_key.as_bytes())
            .map_err(|_| wrong("holds a \"private_key\" that is no PEM of a private key"))?;
        let kid = KeyId::new(file.private_key_id);
        let key = SigningKey::from_pkcs8(Alg::RS256, kid, der.secret_pkcs8_der())
            .map_err(|_| wrong("holds a \"private_key\" that is no RSA key"))?;
        Ok(Self {
            email: file.client_email,
            key,
            token_endpoint: endpoint
                .ok_or_else(|| wrong("holds no \"token_uri\" that is an address"))?,
        })
    }

    /// Says, signed, that it wants to read groups in the name of an administrator (RFC 7523 §3).
    pub(super) fn assertion(&self, admin: &str, now: Timestamp) -> Result<String, ConnectorError> {
        let claims = json!({
            "iss": self.email,
            "sub": admin,
            "aud": self.token_endpoint.as_str(),
            "scope": SCOPE,
            "iat": now.as_secs(),
            "exp": now.as_secs() + LIFETIME,
        });
        let signed = self.key.sign(Some("JWT"), &claims);
        signed.map_err(|cause| ConnectorError::Settings(format!("serviceAccountFilePath: {cause}")))
    }
}
