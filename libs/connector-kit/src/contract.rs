use insula_model::Password;
use insula_oauth::Params;
use url::Url;

use crate::{
    Challenge, Connector, ConnectorError, LoginContext, Memory, Reply, SubjectToken,
    SubjectTokenAudience, SubjectTokenKind,
};

/// Whether a connector does what every caller relies on; the answer names the first broken promise.
///
/// - it asks for a password if, and only if, its capabilities say so;
/// - it sends browsers to absolute web addresses, and the answer will find its login by `state`;
/// - an answer of another kind than the question is a `BadReply`;
/// - an answer that says no (`access_denied`) is `Declined`, or a `BadReply` where answers never come
///   that way; a name and password nobody has are `WrongPassword`;
/// - without the capability, a refresh and an exchange are `Unsupported`.
///
/// [`connector_contract!`](crate::connector_contract) makes a test of it.
pub async fn keeps_contract(connector: &dyn Connector, ctx: &LoginContext) -> Result<(), String> {
    let challenge = connector
        .begin(ctx)
        .await
        .map_err(|cause| format!("begin failed: {cause}"))?;
    let asks_password = matches!(challenge, Challenge::AskPassword { .. });
    if asks_password != connector.capabilities().password {
        return Err("the capability `password` and the challenge disagree".to_owned());
    }
    match challenge {
        Challenge::AskPassword { label } => {
            if label.is_empty() {
                return Err("the login name has no label".to_owned());
            }
            judge_password_replies(connector, ctx).await
        }
        Challenge::Redirect { to, memory } => {
            check_destination(&to)?;
            let state = Url::parse(&to).ok().and_then(|url| {
                let mut pairs = url.query_pairs();
                let found = pairs.find(|(name, _)| name == "state" || name == "RelayState");
                found.map(|(_, value)| value.into_owned())
            });
            if state.as_deref() != Some(ctx.state.as_str()) {
                return Err("the redirect does not carry the login's state".to_owned());
            }
            judge_browser_replies(connector, ctx, &memory).await
        }
        Challenge::PostForm { to, fields, memory } => {
            check_destination(&to)?;
            let carries_state = fields.iter().any(|(_, value)| value == ctx.state.as_str());
            if !carries_state {
                return Err("the form does not carry the login's state".to_owned());
            }
            judge_browser_replies(connector, ctx, &memory).await
        }
    }
}

fn check_destination(to: &str) -> Result<(), String> {
    match Url::parse(to) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(()),
        _ => Err("the browser is sent to something that is no web address".to_owned()),
    }
}

fn a_password() -> Reply {
    Reply::Password {
        username: "nobody-has-this-name".to_owned(),
        password: Password::new("nobody has this password"),
    }
}

fn a_no() -> Params {
    Params::from_pairs([("error", "access_denied")])
}

async fn judge_password_replies(
    connector: &dyn Connector,
    ctx: &LoginContext,
) -> Result<(), String> {
    let memory = Memory::Null;
    match connector.complete(ctx, &memory, a_password()).await {
        Err(ConnectorError::WrongPassword) => {}
        _ => return Err("a wrong name and password are not answered WrongPassword".to_owned()),
    }
    match connector.complete(ctx, &memory, Reply::Query(a_no())).await {
        Err(ConnectorError::BadReply(_)) => Ok(()),
        _ => Err("a query in answer to a password prompt is not a BadReply".to_owned()),
    }
}

async fn judge_browser_replies(
    connector: &dyn Connector,
    ctx: &LoginContext,
    memory: &Memory,
) -> Result<(), String> {
    match connector.complete(ctx, memory, a_password()).await {
        Err(ConnectorError::BadReply(_)) => {}
        _ => return Err("a password in answer to a redirect is not a BadReply".to_owned()),
    }
    for reply in [Reply::Query(a_no()), Reply::Form(a_no())] {
        match connector.complete(ctx, memory, reply).await {
            Err(ConnectorError::Declined | ConnectorError::BadReply(_)) => {}
            Ok(_) => return Err("an answer that says no logs somebody in".to_owned()),
            Err(_) => return Err("an answer that says no is not told as Declined".to_owned()),
        }
    }
    Ok(())
}

/// Whether a connector that cannot refresh says so.
pub async fn refuses_refresh_it_cannot(
    connector: &dyn Connector,
    ctx: &LoginContext,
    known: &crate::UpstreamIdentity,
) -> Result<(), String> {
    if connector.capabilities().refresh {
        return Ok(());
    }
    match connector.refresh(ctx, known).await {
        Err(ConnectorError::Unsupported(_)) => Ok(()),
        _ => Err("a refresh it is not capable of is not Unsupported".to_owned()),
    }
}

/// Whether a connector that cannot exchange tokens says so.
pub async fn refuses_exchange_it_cannot(
    connector: &dyn Connector,
    ctx: &LoginContext,
) -> Result<(), String> {
    if connector.capabilities().exchange {
        return Ok(());
    }
    let shown = SubjectToken {
        token: "nobody made this",
        kind: SubjectTokenKind::IdToken,
        audience: SubjectTokenAudience::Anybody,
        by_userinfo: true,
        now: ctx.now,
    };
    match connector.exchange(shown).await {
        Err(ConnectorError::Unsupported(_)) => Ok(()),
        _ => Err("an exchange it is not capable of is not Unsupported".to_owned()),
    }
}

/// Makes tests of [`keeps_contract`], [`refuses_exchange_it_cannot`] and
/// [`refuses_refresh_it_cannot`], in the crate of the connector,
/// which needs tokio for its tests.
///
/// `$connector` is an expression that makes the connector and may `.await`; what it needs to live
/// (a mock server) comes with it, as the second half of a pair. `$ctx` makes the login.
///
/// ```text
/// connector_contract!(mock_callback, (MockCallback, ()), a_login());
/// ```
#[macro_export]
macro_rules! connector_contract {
    ($name:ident, $connector:expr, $ctx:expr) => {
        mod $name {
            use super::*;

            #[tokio::test]
            async fn keeps_the_contract_of_connectors() {
                let (connector, _needed) = $connector;
                let kept = $crate::keeps_contract(&connector, &$ctx).await;
                assert_eq!(kept, Ok(()));
            }

            #[tokio::test]
            async fn says_so_if_it_cannot_exchange_tokens() {
                let (connector, _needed) = $connector;
                let kept = $crate::refuses_exchange_it_cannot(&connector, &$ctx).await;
                assert_eq!(kept, Ok(()));
            }

            #[tokio::test]
            async fn says_so_if_it_cannot_refresh() {
                let (connector, _needed) = $connector;
                let somebody = $crate::UpstreamIdentity {
                    claims: ::insula_model::IdentityClaims::of(
                        ::insula_model::UserId::parse("somebody").unwrap(),
                    ),
                    connector_data: None,
                    amr: Vec::new(),
                    acr: None,
                };
                let kept = $crate::refuses_refresh_it_cannot(&connector, &$ctx, &somebody).await;
                assert_eq!(kept, Ok(()));
            }
        }
    };
}
