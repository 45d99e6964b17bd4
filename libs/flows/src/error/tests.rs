use insula_oauth::ResponseMode;

use super::*;

fn to(uri: &str) -> ReplyTo {
    ReplyTo {
        client_id: insula_model::ClientId::parse("app").unwrap(),
        redirect_uri: uri.to_owned(),
        response_mode: ResponseMode::Query,
        state: None,
    }
}

#[test]
fn where_an_error_is_told_is_decided_once() {
    let refused = FlowError::from(Refusal::LoginRequired)
        .reply_to(&to("a"))
        .reply_to(&to("b"));
    assert!(matches!(refused, FlowError::Refused(r) if r.reply_to == Some(to("a"))));
    let fault = FlowError::from(Fault::KeysStale)
        .reply_to(&to("a"))
        .reply_to(&to("b"));
    assert!(
        matches!(fault, FlowError::Fault { reply_to, .. } if reply_to.as_deref() == Some(&to("a")))
    );
}

#[test]
fn only_what_may_pass_is_temporary() {
    let unavailable = StoreError::Unavailable {
        backend: "redis",
        cause: "timeout".into(),
    };
    let corrupt = StoreError::Corrupt {
        what: "session",
        cause: "not JSON".into(),
    };
    let connector = Fault::Connector {
        connector: "mock".into(),
        cause: ConnectorError::Upstream("down".into()),
    };
    for (fault, temporary) in [
        (Fault::Store(unavailable), true),
        (Fault::Store(corrupt), false),
        (connector, true),
        (Fault::KeysStale, true),
        (Fault::Signing("broken".into()), false),
    ] {
        assert_eq!(fault.is_temporary(), temporary, "{fault}");
    }
}
