//! An upstream that takes what it is asked with once, and a second use for theft.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{BoxFuture, join_all};
use futures_util::{FutureExt as _, poll};
use insula_ambient::ManualClock;
use insula_connector_kit::{
    Capabilities, Challenge, Connector, ConnectorError, LoginContext, Memory, Reply,
    UpstreamIdentity,
};
use insula_testkit::{FakeConnector, a_tenant};

use super::refresh::{SECONDS, refresh_token, refreshed, tokens_with_data};
use crate::testing::{elsewhere, fault, view, with_connector};
use crate::{Connectors, Effects, OpenedConnector, Tasks, TenantView};

/// Gives a new token for each; answers once it was looked at a few times.
#[derive(Default)]
struct Strict {
    asked: AtomicUsize,
    is_away: AtomicBool,
    hangs: AtomicBool,
}

impl Strict {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Connector for Strict {
    fn capabilities(&self) -> Capabilities {
        FakeConnector::redirecting().capabilities()
    }

    async fn begin(&self, _: &LoginContext) -> Result<Challenge, ConnectorError> {
        Err(ConnectorError::Unsupported("logins"))
    }

    async fn complete(
        &self,
        _: &LoginContext,
        _: &Memory,
        _: Reply,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        Err(ConnectorError::Unsupported("logins"))
    }

    async fn refresh(
        &self,
        _: &LoginContext,
        known: &UpstreamIdentity,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let before = self.asked.fetch_add(1, Ordering::SeqCst);
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.is_away.load(Ordering::SeqCst) {
            return Err(ConnectorError::Unreachable("it is away".to_owned()));
        }
        let token = match before {
            0 => b"first".to_vec(),
            n => format!("token {n}").into_bytes(),
        };
        if known.connector_data != Some(token) {
            return Err(ConnectorError::Denied("this token was used".to_owned()));
        }
        Ok(UpstreamIdentity {
            connector_data: Some(format!("token {}", before + 1).into_bytes()),
            ..known.clone()
        })
    }
}

fn with_strict(view: &TenantView) -> (TenantView, Arc<Strict>) {
    let strict = Arc::new(Strict::default());
    let connectors = view.connectors.iter().map(|connector| OpenedConnector {
        spec: Arc::clone(&connector.spec),
        health: Arc::clone(&connector.health),
        opened: Ok(Arc::clone(&strict) as _),
    });
    let connectors: Connectors = connectors.collect();
    let view = TenantView {
        connectors: Arc::new(connectors),
        ..view.clone()
    };
    (view, strict)
}

#[tokio::test]
async fn refreshes_of_one_login_at_once_ask_its_upstream_once_and_are_told_the_same() {
    let (view, _) = view(a_tenant());
    let (here, strict) = with_strict(&view);
    let there = elsewhere(&here);
    let mut token = refresh_token(&tokens_with_data(&here).await);
    for round in 1..=3 {
        let at = [&here, &there, &here, &there, &here];
        let told = join_all(at.map(|view| refreshed(view, &token))).await;
        let told: Vec<_> = told
            .iter()
            .map(|t| refresh_token(t.as_ref().unwrap()))
            .collect();
        token = told[0].clone();
        assert!(told.iter().all(|other| *other == token), "{told:?}");
        assert_eq!(strict.asked(), round);
    }
}

#[tokio::test]
async fn trouble_of_an_upstream_is_told_to_all_who_wait_and_the_next_asks_anew() {
    let (view, _) = view(a_tenant());
    let (here, strict) = with_strict(&view);
    let token = refresh_token(&tokens_with_data(&here).await);
    strict.is_away.store(true, Ordering::SeqCst);
    let told = join_all([&here, &here, &here].map(|view| refreshed(view, &token))).await;
    for answer in told {
        fault(answer);
    }
    assert_eq!(strict.asked(), 1);
    fault(refreshed(&elsewhere(&here), &token).await);
    assert_eq!(strict.asked(), 2);
}

#[tokio::test]
async fn what_an_upstream_renewed_before_it_failed_is_what_the_next_try_brings() {
    let (view, _) = view(a_tenant());
    let away = ConnectorError::Unreachable("it is away".to_owned());
    let fake = FakeConnector::redirecting()
        .on_refresh(Err(away.after_renewal(b"second".to_vec())))
        .on_refresh(Err(ConnectorError::Unreachable("it is away".to_owned())));
    let (view, fake) = with_connector(&view, "mock", fake);
    let token = refresh_token(&tokens_with_data(&view).await);
    for _ in 0..2 {
        fault(refreshed(&view, &token).await);
    }
    assert!(refreshed(&view, &token).await.is_ok());
    let asked = fake
        .refreshed()
        .into_iter()
        .map(|known| known.connector_data.unwrap());
    let asked: Vec<_> = asked.map(|data| String::from_utf8(data).unwrap()).collect();
    assert_eq!(asked, ["first", "second", "second"]);
}

#[tokio::test]
async fn what_an_upstream_says_to_a_request_that_was_cut_is_there_for_the_next() {
    let (view, _) = view(a_tenant());
    let (here, strict) = with_strict(&view);
    let token = refresh_token(&tokens_with_data(&here).await);
    let mut cut = Box::pin(refreshed(&here, &token));
    while strict.asked() == 0 {
        assert!(poll!(&mut cut).is_pending());
        tokio::task::yield_now().await;
    }
    drop(cut);
    for view in [&here, &elsewhere(&here)] {
        assert!(refreshed(view, &token).await.is_ok());
    }
    assert_eq!(strict.asked(), 1);
}

/// Time passes while somebody waits.
struct Passing(ManualClock);

impl Tasks for Passing {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        tokio::spawn(work);
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        self.0.advance(span);
        tokio::task::yield_now().boxed()
    }
}

#[tokio::test]
async fn a_process_that_never_comes_back_is_waited_for_a_while_and_then_stood_in_for() {
    let (view, clock) = view(a_tenant());
    let (mut here, strict) = with_strict(&view);
    here.effects = Effects {
        tasks: Arc::new(Passing(clock.clone())),
        ..here.effects
    };
    let there = elsewhere(&here);
    let token = refresh_token(&tokens_with_data(&here).await);
    strict.hangs.store(true, Ordering::SeqCst);
    let mut hanging = Box::pin(refreshed(&there, &token));
    while strict.asked() == 0 {
        assert!(poll!(&mut hanging).is_pending());
        tokio::task::yield_now().await;
    }
    let before = here.now();
    fault(refreshed(&here, &token).await);
    assert_eq!((here.now().since(before), strict.asked()), (SECONDS(15), 1));
    clock.advance(SECONDS(60));
    strict.hangs.store(false, Ordering::SeqCst);
    strict.asked.store(0, Ordering::SeqCst);
    assert!(refreshed(&here, &token).await.is_ok());
}
