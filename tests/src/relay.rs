use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

/// A wire between two programs that can be cut and mended. Lives as long as the test's runtime.
#[derive(Debug)]
pub struct Relay {
    /// Where it listens.
    pub port: u16,
    cut: Arc<AtomicBool>,
    cuts: watch::Sender<u32>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Lays a wire to a service and answers the service's URL as seen through it.
    pub async fn before(service: &str) -> (Self, String) {
        let mut url = Url::parse(service).unwrap();
        let host = url.host_str().unwrap().to_owned();
        let port = url.port().expect("the services' URLs name their ports");
        let target: SocketAddr = tokio::net::lookup_host((host.as_str(), port))
            .await
            .unwrap()
            .next()
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut = Arc::new(AtomicBool::new(false));
        let (cuts, seen) = watch::channel(0);
        let is_cut = Arc::clone(&cut);
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if is_cut.load(Ordering::SeqCst) {
                    continue;
                }
                tokio::spawn(carry(near, target, seen.clone()));
            }
        });
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(port)).unwrap();
        let relay = Self {
            port,
            cut,
            cuts,
            task,
        };
        (relay, url.into())
    }

    /// Ends all connections and takes no more.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        self.cuts.send_modify(|count| *count += 1);
    }

    /// Takes connections again.
    pub fn mend(&self) {
        self.cut.store(false, Ordering::SeqCst);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut near: TcpStream, target: SocketAddr, mut cuts: watch::Receiver<u32>) {
    cuts.mark_unchanged();
    let connected = tokio::time::timeout(Duration::from_secs(5), TcpStream::connect(target)).await;
    let Ok(Ok(mut far)) = connected else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => {}
        _ = cuts.changed() => {}
    }
}
