use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use url::Url;

use crate::scratch::IO;

/// A way to a database that can be closed: what is sent waits, and goes on when it is open again.
pub(crate) struct Gate {
    pub(crate) url: String,
    is_open: watch::Sender<bool>,
}

impl Gate {
    pub(crate) async fn before(database: &str) -> Self {
        let mut url = Url::parse(database).unwrap();
        let target = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        let (is_open, seen) = watch::channel(true);
        let opening = IO.spawn(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            tokio::spawn(async move {
                while let Ok((near, _)) = listener.accept().await {
                    let far = TcpStream::connect(&target).await.unwrap();
                    tokio::spawn(carry(near, far, seen.clone()));
                }
            });
            port
        });
        url.set_port(Some(opening.await.unwrap())).unwrap();
        Self {
            url: url.into(),
            is_open,
        }
    }

    pub(crate) fn close(&self) {
        self.is_open.send_replace(false);
    }

    pub(crate) fn open(&self) {
        self.is_open.send_replace(true);
    }
}

async fn carry(near: TcpStream, far: TcpStream, mut is_open: watch::Receiver<bool>) {
    let ((mut asked, mut told), (mut answers, mut asks)) = (near.into_split(), far.into_split());
    tokio::spawn(async move { copy(&mut answers, &mut told).await });
    let mut piece = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = asked.read(&mut piece).await {
        if is_open.wait_for(|is_open| *is_open).await.is_err() {
            return;
        }
        if asks.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}
