use std::time::Duration;

use async_trait::async_trait;
use insula_connector_kit::{NotPosted, PostForm};
use reqwest::header::{CACHE_CONTROL, CONTENT_TYPE};
use url::Url;

use super::client::UpstreamHttp;
use super::policy::Refused;
use super::tls::Trust;
use super::upstream::{find, host, root};

/// How long one call may take, all in all.
const PATIENCE: Duration = Duration::from_secs(5);

/// Posts to the clients of tenants, under the same guard as to their upstreams.
#[async_trait]
impl PostForm for UpstreamHttp {
    async fn post_form(&self, url: &str, form: String) -> Result<u16, NotPosted> {
        let url = Url::parse(url).map_err(|_| NotPosted("its address is no URL".to_owned()))?;
        let refused = |refused: Refused| NotPosted(refused.to_string());
        self.policy().check_url(&url).map_err(refused)?;
        let client = self.client_trusting(&Trust::default());
        let client = client.map_err(|error| NotPosted(error.to_string()))?;
        let call = client
            .post(url.clone())
            .timeout(PATIENCE)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(CACHE_CONTROL, "no-cache, no-store")
            .body(form);
        // A socket belongs to the runtime that opened it, and is used from there.
        let answered = self.io().spawn(call.send()).await;
        let answered = answered.map_err(|_| NotPosted("the call was broken off".to_owned()))?;
        match answered {
            Ok(answer) => Ok(answer.status().as_u16()),
            Err(cause) => Err(NotPosted(told(&url, &cause))),
        }
    }
}

/// What went wrong, in our words: the client's own message carries the URL.
fn told(url: &Url, cause: &reqwest::Error) -> String {
    let host = host(url);
    if let Some(refused) = find::<Refused>(cause) {
        return refused.to_string();
    }
    if cause.is_timeout() {
        let ms = PATIENCE.as_millis();
        return format!("{host} did not answer within {ms} ms");
    }
    if cause.is_connect() {
        return format!("{host} cannot be reached: {}", root(cause));
    }
    format!("the conversation with {host} broke off")
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread::{JoinHandle, spawn};

    use tokio::runtime::Handle;

    use super::super::policy::OutboundPolicy;
    use super::*;

    /// Hears one call, and answers it.
    fn listens(answer: &'static str) -> (String, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/out?x=1", listener.local_addr().unwrap());
        let heard = spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut heard = String::new();
            let mut part = [0; 1024];
            while !heard.ends_with("logout_token=a.b.c") {
                let n = socket.read(&mut part).unwrap();
                heard.push_str(std::str::from_utf8(&part[..n]).unwrap());
            }
            socket.write_all(answer.as_bytes()).unwrap();
            heard
        });
        (url, heard)
    }

    fn http(allowed: &[&str]) -> UpstreamHttp {
        let policy = OutboundPolicy {
            allow: allowed.iter().map(|net| net.parse().unwrap()).collect(),
            ..OutboundPolicy::default()
        };
        UpstreamHttp::new(policy, Handle::current()).unwrap()
    }

    async fn posted(http: &UpstreamHttp, url: &str) -> Result<u16, NotPosted> {
        http.post_form(url, "logout_token=a.b.c".to_owned()).await
    }

    #[tokio::test]
    async fn a_form_is_posted_as_one_and_its_status_is_told() {
        let (url, heard) = listens("HTTP/1.1 204 No Content\r\n\r\n");
        assert_eq!(posted(&http(&["127.0.0.0/8"]), &url).await, Ok(204));
        let heard = heard.join().unwrap().to_ascii_lowercase();
        assert!(heard.starts_with("post /out?x=1 "), "{heard}");
        assert!(heard.contains("content-type: application/x-www-form-urlencoded\r\n"));
        assert!(heard.contains("cache-control: no-cache, no-store\r\n"));
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_is_not_followed() {
        let (url, heard) = listens("HTTP/1.1 302 Found\r\nlocation: /x\r\n\r\n");
        assert_eq!(posted(&http(&["127.0.0.0/8"]), &url).await, Ok(302));
        heard.join().unwrap();
    }

    #[tokio::test]
    async fn what_is_within_is_not_posted_to_unless_it_is_allowed() {
        let nobody = http(&[]);
        for (url, why) in [
            ("http://127.0.0.1:1/", "loopback"),
            ("http://localhost:1/", "loopback"),
            ("http://169.254.169.254/latest", "link-local"),
            ("http://[::ffff:10.0.0.1]/", "private"),
            ("http://u:p@app.example/", "user name"),
            ("ftp://app.example/", "must begin with"),
            ("nonsense", "no URL"),
        ] {
            let NotPosted(told) = posted(&nobody, url).await.unwrap_err();
            assert!(told.contains(why), "{url}: {told}");
        }
    }

    #[tokio::test]
    async fn who_does_not_listen_is_told_by_name_and_without_the_address() {
        let gone = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = gone.local_addr().unwrap();
        drop(gone);
        let http = http(&["127.0.0.0/8"]);
        let NotPosted(told) = posted(&http, &format!("http://{at}/secret"))
            .await
            .unwrap_err();
        assert!(told.starts_with("127.0.0.1 cannot be reached"), "{told}");
        assert!(!told.contains("secret"), "{told}");
    }
}
