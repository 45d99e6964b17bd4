//! The yardstick: an actix-web handler that does nothing but answer the same bytes.

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::{Bytes, Data};
use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::{Context as _, Result};
use clap::Args;

use crate::wire::{Wire, get};

/// Where discovery stands below an issuer.
pub(crate) const DISCOVERY: &str = "/.well-known/openid-configuration";
/// Where the keys do.
pub(crate) const KEYS: &str = "/keys";

/// How the bare handler is run.
#[derive(Debug, Clone, Args)]
pub(crate) struct BareOptions {
    /// Where it listens, on 127.0.0.1.
    #[arg(long)]
    port: u16,
    /// The port of a server whose discovery and keys it repeats.
    #[arg(long)]
    like: u16,
    /// The host of the tenant there.
    #[arg(long)]
    host: String,
    /// How many threads serve.
    #[arg(long, default_value_t = 1)]
    workers: usize,
}

#[derive(Clone)]
struct Pages {
    discovery: Page,
    keys: Page,
}

#[derive(Clone)]
struct Page {
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

/// Serves until it is told to stop.
pub(crate) fn run(options: &BareOptions) -> Result<()> {
    actix_web::rt::System::new().block_on(serve(options))
}

async fn serve(options: &BareOptions) -> Result<()> {
    let mut like = Wire::open(options.like).await?;
    let pages = Data::new(Pages {
        discovery: page(&mut like, &options.host, DISCOVERY).await?,
        keys: page(&mut like, &options.host, KEYS).await?,
    });
    drop(like);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(pages.clone())
            .route(DISCOVERY, web::get().to(discovery))
            .route(KEYS, web::get().to(keys))
    });
    let bound = server
        .workers(options.workers)
        .bind(("127.0.0.1", options.port))?;
    Ok(bound.run().await?)
}

async fn discovery(pages: Data<Pages>) -> HttpResponse {
    pages.discovery.answer()
}

async fn keys(pages: Data<Pages>) -> HttpResponse {
    pages.keys.answer()
}

impl Page {
    fn answer(&self) -> HttpResponse {
        let mut answer = HttpResponse::Ok();
        for (name, value) in &self.headers {
            answer.insert_header((name.clone(), value.clone()));
        }
        answer.body(self.body.clone())
    }
}

async fn page(like: &mut Wire, host: &str, target: &str) -> Result<Page> {
    let answer = like.ask(&get(host, target)).await?.expect(200)?;
    let headers = answer.own_headers().map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes());
        let name = name.context("a header has a name that is none")?;
        Ok((name, HeaderValue::from_str(value)?))
    });
    Ok(Page {
        headers: headers.collect::<Result<_>>()?,
        body: Bytes::copy_from_slice(answer.body),
    })
}
