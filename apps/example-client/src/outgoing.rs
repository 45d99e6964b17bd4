//! HTTP requests to issuers: no redirects, a time-out, a size limit, and loopback for `*.localhost`.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect;

const TIME_OUT: Duration = Duration::from_secs(10);
const MOST_BYTES: usize = 1024 * 1024;

/// The HTTP client that `openidconnect` speaks through.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    client: reqwest::Client,
}

/// Why an issuer could not be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreachable {
    /// The connection, TLS, or HTTP itself failed.
    #[error("the issuer could not be reached")]
    Exchange(#[from] reqwest::Error),
    /// The answer is longer than any that belongs here.
    #[error("the issuer's answer is longer than {MOST_BYTES} bytes")]
    TooLong,
}

impl Outgoing {
    /// Needs a TLS provider to be installed for the process.
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            // A redirect could lead a token request, and its secrets, to anywhere.
            .redirect(redirect::Policy::none())
            .timeout(TIME_OUT)
            .dns_resolver(LocalhostIsLoopback)
            .no_proxy()
            .build()?;
        Ok(Self { client })
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, Unreachable> {
        let mut answer = self.client.execute(request.try_into()?).await?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > MOST_BYTES {
                return Err(Unreachable::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = HttpResponse::new(body);
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

impl<'c> AsyncHttpClient<'c> for Outgoing {
    type Error = Unreachable;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Unreachable>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.exchange(request))
    }
}

/// Names under `.localhost` are loopback ([RFC 6761 §6.3](https://www.rfc-editor.org/rfc/rfc6761#section-6.3));
/// browsers know that, many system resolvers do not.
struct LocalhostIsLoopback;

impl Resolve for LocalhostIsLoopback {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        Box::pin(async move {
            if is_localhost(&host) {
                let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                return Ok(Box::new(std::iter::once(loopback)) as Addrs);
            }
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

fn is_localhost(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_under_localhost_are_loopback() {
        assert!(is_localhost("localhost"));
        assert!(is_localhost("acme.localhost"));
        assert!(is_localhost("Acme.LOCALHOST."));
        assert!(!is_localhost("localhost.example"));
        assert!(!is_localhost("notlocalhost"));
    }
}
