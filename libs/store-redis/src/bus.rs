use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream;
use insula_store::{Change, ChangeBus, ChangeStream, StoreError};
use redis::aio::{PubSubSink, PubSubStream};
use redis::{ProtocolVersion, RedisResult, cmd};
use tokio::runtime::Handle;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tracing::{debug, warn};

use crate::address::Address;
use crate::cause::{failed, of, unavailable};
use crate::link::{Link, pauses};
use crate::options::RedisOptions;

/// How many changes a listener may be behind before it misses the oldest.
const BEHIND: usize = 1024;
/// How often a silent subscription is asked whether it still stands.
const STILL_THERE: Duration = Duration::from_secs(10);

/// Word of changes over Redis's channels.
///
/// Word is lost while Redis is away and where a listener falls far behind; whoever listens polls
/// as well, slowly.
pub struct RedisBus {
    link: Arc<Link>,
    channel: String,
    heard: broadcast::Sender<Change>,
    listening: AbortHandle,
}

impl RedisBus {
    /// Connects and subscribes; URL and `handle` as for
    /// [`RedisCache::connect`](crate::RedisCache::connect).
    pub async fn connect(
        url: &str,
        options: &RedisOptions,
        handle: Handle,
    ) -> Result<Self, StoreError> {
        let address = Address::parse(url)?;
        let link = Link::connect(address.clone(), options, handle.clone()).await?;
        let channel = format!("{}:changes", options.prefix);
        let (heard, _) = broadcast::channel(BEHIND);
        let (subscribed, first) = oneshot::channel();
        let subscription = Subscription {
            address,
            options: options.clone(),
            channel: channel.clone(),
            heard: heard.clone(),
        };
        let listening = handle.spawn(subscription.listen(subscribed)).abort_handle();
        let bus = Self {
            link,
            channel,
            heard,
            listening,
        };
        match first.await {
            Ok(first) => first.map(|()| bus),
            Err(_) => Err(unavailable("the runtime for its sockets is gone")),
        }
    }
}

impl Drop for RedisBus {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

#[async_trait]
impl ChangeBus for RedisBus {
    async fn publish(&self, change: &Change) -> Result<(), StoreError> {
        let word =
            serde_json::to_vec(change).map_err(|_| failed("a change has no form in JSON"))?;
        let mut publish = cmd("PUBLISH");
        publish.arg(&self.channel).arg(word);
        self.link.ask("publish", publish).await
    }

    async fn subscribe(&self) -> Result<ChangeStream, StoreError> {
        let changes = stream::unfold(self.heard.subscribe(), |mut heard| async move {
            loop {
                match heard.recv().await {
                    Ok(change) => return Some((change, heard)),
                    Err(RecvError::Lagged(missed)) => {
                        warn!(changes.missed = missed, "missed {missed} changes");
                    }
                    Err(RecvError::Closed) => return None,
                }
            }
        });
        Ok(changes.boxed())
    }
}

/// The listening half: subscribes again whenever the subscription is lost.
struct Subscription {
    address: Address,
    options: RedisOptions,
    channel: String,
    heard: broadcast::Sender<Change>,
}

impl Subscription {
    async fn listen(self, subscribed: oneshot::Sender<Result<(), StoreError>>) {
        let mut waiting = Some(subscribed);
        let mut attempt = 0;
        loop {
            match self.open().await {
                Ok((sink, words)) => {
                    attempt = 0;
                    if let Some(waiting) = waiting.take() {
                        let _ = waiting.send(Ok(()));
                    }
                    self.pass_on(sink, words).await;
                    warn!(redis.address = %self.address, "the change bus lost its subscription");
                }
                Err(error) => {
                    if let Some(waiting) = waiting.take() {
                        let _ = waiting.send(Err(error));
                        return;
                    }
                    debug!(error.message = %error, "the change bus cannot subscribe yet");
                }
            }
            sleep(pauses(&self.options).pause(attempt)).await;
            attempt = attempt.saturating_add(1);
        }
    }

    async fn open(&self) -> Result<(PubSubSink, PubSubStream), StoreError> {
        let opening = async {
            let client = self.address.client(ProtocolVersion::RESP2).await?;
            let (mut sink, words) = client.get_async_pubsub().await?.split();
            sink.subscribe(&self.channel).await?;
            Ok((sink, words))
        };
        let opened: RedisResult<_> = timeout(self.options.connect_timeout, opening)
            .await
            .map_err(|_| unavailable("no subscription in time"))?;
        opened.map_err(|error| of(&error))
    }

    /// Passes on what is heard until the subscription is lost.
    async fn pass_on(&self, mut sink: PubSubSink, mut words: PubSubStream) {
        let mut still_there = interval(STILL_THERE);
        still_there.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                word = words.next() => {
                    let Some(word) = word else { return };
                    if let Ok(change) = serde_json::from_slice(word.get_payload_bytes()) {
                        // Nobody listening is not an error.
                        let _ = self.heard.send(change);
                    } else {
                        warn!("word on the change bus that is no change was passed over");
                    }
                }
                _ = still_there.tick() => {
                    let pong = timeout(self.options.connect_timeout, sink.ping::<redis::Value>());
                    if !matches!(pong.await, Ok(Ok(_))) {
                        return;
                    }
                }
            }
        }
    }
}
