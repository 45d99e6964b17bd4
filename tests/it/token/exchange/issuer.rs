//! An issuer of workload identities, as GitHub describes that of Actions
//! (<https://docs.github.com/en/actions/reference/security/oidc>): discovery without an authorization
//! endpoint, keys, and a token a job.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, get_current_timestamp};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const KEY: &[u8] = include_bytes!("NOT-SECRET.der");
const MODULUS: &str = "s7IDGYsgtMy8UOYsYSF59iUYsf953gkeP38LgAMCmStuYQ4DQfV9RGFcNJXTnbPVYzF-xwMYoNX1aJL6I7F4ySNFayegaYG9CbkmZQfT4nKOm_VI7vNfqWU-3ISrfAzsKnpVS3fMGMOfZLQrpPe4NZkZNvsQS2n4VUg5j7gUxsWXdbFQGfKNIqH3HMlq66Jf2aFNh2Ec7p8NBJRFlcdpcR6kgBU5RNCDnnay03dGE02_9z1V5Rs88DszHYTOldYBytlBluy-MSTt6AwwL9S5fTRAwq1vMv6SeRJUCX6DjZHle1XfO8jTxY3XuxSKed8vonE7acGN1th1dCKrdz1sEQ";

/// The issuer. Lives as long as the test's runtime.
pub(super) struct Issuer {
    pub(super) url: String,
    hangs: Arc<AtomicBool>,
    keys_asked: Arc<AtomicUsize>,
}

impl Issuer {
    pub(super) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let (hangs, keys_asked) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (issuer, is_hanging, asked) =
            (url.clone(), Arc::clone(&hangs), Arc::clone(&keys_asked));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (issuer, is_hanging) = (issuer.clone(), Arc::clone(&is_hanging));
                let asked = Arc::clone(&asked);
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    let mut piece = [0; 1024];
                    while !head.ends_with(b"\r\n\r\n") {
                        match stream.read(&mut piece).await {
                            Ok(read) if read > 0 => head.extend_from_slice(&piece[..read]),
                            _ => return,
                        }
                    }
                    if is_hanging.load(Ordering::SeqCst) {
                        std::future::pending::<()>().await;
                    }
                    let head = String::from_utf8_lossy(&head).into_owned();
                    let body = if head.starts_with("GET /.well-known/openid-configuration ") {
                        discovery(&issuer)
                    } else {
                        asked.fetch_add(1, Ordering::SeqCst);
                        keys()
                    };
                    let body = body.to_string();
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                        body.len()
                    );
                    let _gone = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self {
            url,
            hangs,
            keys_asked,
        }
    }

    /// From now on nobody is answered.
    pub(super) fn hang(&self) {
        self.hangs.store(true, Ordering::SeqCst);
    }

    /// How often somebody asked for its keys.
    pub(super) fn keys_asked(&self) -> usize {
        self.keys_asked.load(Ordering::SeqCst)
    }

    /// What the token of a job of acme/shop says that deploys its main branch to production.
    pub(super) fn job(&self, audience: &str) -> Value {
        let now = get_current_timestamp();
        json!({
            "jti": "example-id", "sub": "repo:acme/shop:environment:production",
            "environment": "production", "aud": audience, "ref": "refs/heads/main",
            "sha": "5a8f", "repository": "acme/shop", "repository_owner": "acme",
            "actor_id": "12", "repository_visibility": "private", "repository_id": "74",
            "repository_owner_id": "65", "run_id": "1", "run_number": "10", "run_attempt": "2",
            "runner_environment": "github-hosted", "actor": "jane", "workflow": "deploy",
            "head_ref": "", "base_ref": "", "event_name": "push", "ref_type": "branch",
            "ref_protected": "true",
            "job_workflow_ref": "acme/shop/.github/workflows/deploy.yml@refs/heads/main",
            "iss": self.url, "nbf": now - 5, "exp": now + 300, "iat": now,
        })
    }

    /// What the token of a service account of Kubernetes says.
    pub(super) fn service_account(&self, audience: &str) -> Value {
        let now = get_current_timestamp();
        json!({
            "aud": [audience], "exp": now + 3600, "iat": now, "nbf": now, "iss": self.url,
            "jti": "0c5a", "sub": "system:serviceaccount:shop:deploy",
            "kubernetes.io": {
                "namespace": "shop", "node": {"name": "node-1", "uid": "a"},
                "pod": {"name": "deploy-1", "uid": "b"},
                "serviceaccount": {"name": "deploy", "uid": "c"},
            },
        })
    }
}

fn discovery(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks"),
        "subject_types_supported": ["public", "pairwise"],
        "response_types_supported": ["id_token"],
        "claims_supported": ["sub", "aud", "exp", "iat", "iss", "jti", "nbf", "ref", "repository"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid"],
    })
}

fn keys() -> Value {
    json!({"keys": [
        {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "job-key", "n": MODULUS, "e": "AQAB"},
    ]})
}

/// Signs as the issuer does.
pub(super) fn signed(claims: &Value) -> String {
    let header = Header {
        kid: Some("job-key".to_owned()),
        ..Header::new(Algorithm::RS256)
    };
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_rsa_der(KEY)).unwrap()
}

/// The same claims without a signature, and signed with what everybody knows.
pub(super) fn forged(claims: &Value) -> [String; 2] {
    let encoded = |json: &Value| BASE64URL_NOPAD.encode(json.to_string().as_bytes());
    let unsigned = format!(
        "{}.{}.",
        encoded(&json!({"alg": "none", "typ": "JWT"})),
        encoded(claims)
    );
    let header = Header {
        kid: Some("job-key".to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    let public = EncodingKey::from_secret(keys().to_string().as_bytes());
    [
        unsigned,
        jsonwebtoken::encode(&header, claims, &public).unwrap(),
    ]
}

/// Some claims, other than they were; `null` removes one.
pub(super) fn but(mut claims: Value, other: &Value) -> Value {
    let map = claims.as_object_mut().unwrap();
    map.extend(other.as_object().unwrap().clone());
    map.retain(|_, value| !value.is_null());
    claims
}
