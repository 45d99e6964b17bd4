use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use insula_connector_kit::ConnectorError;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use super::{Keystone, typed};
use crate::testing::{a_clock, a_spec, an_open_context, local_http};

/// Refuses every password, to those who trust it.
fn a_server_with_a_certificate_of_its_own() -> SocketAddr {
    const REFUSAL: &str =
        "HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let session = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(session, socket);
            // Who does not trust the certificate hangs up.
            if stream.read(&mut [0; 4096]).is_ok() {
                let _gone = stream.write_all(REFUSAL.as_bytes());
                stream.conn.send_close_notify();
                let _gone = stream.flush();
            }
        }
    });
    address
}

#[tokio::test]
async fn a_certificate_nobody_vouches_for_is_refused_unless_that_is_switched_off() {
    let address = a_server_with_a_certificate_of_its_own();
    let typed_at = |skip: bool| {
        let config = json!({"keystoneHost": format!("https://{address}"), "keystoneUsername": "u",
            "keystonePassword": "p", "insecureSkipVerify": skip});
        let spec = a_spec("keystone", config);
        let opened = Keystone::open(&local_http(), &spec, &an_open_context(&a_clock())).unwrap();
        async move { typed(&opened, "kim", "x").await }
    };
    assert!(matches!(
        typed_at(false).await,
        Err(ConnectorError::Unreachable(_))
    ));
    assert_eq!(typed_at(true).await, Err(ConnectorError::WrongPassword));
}
