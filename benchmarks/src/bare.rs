//! The yardstick: an actix-web handler that does nothing but answer the same bytes, and one that makes a
//! signature besides.

use std::process::Command;

use actix_web::error::ErrorInternalServerError;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::{Bytes, Data};
use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::{Context as _, Result};
use clap::Args;
use data_encoding::BASE64URL_NOPAD;

use crate::deployment::Deployment;
use crate::load::Plan;
use crate::measure::machines;
use crate::process::Process;
use crate::raw::Signer;
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
    /// Sign the token of each answer with this algorithm, where tokens are asked for too.
    #[arg(long)]
    signs: Option<String>,
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

/// Starts one on the cores of servers, in a process of its own.
pub(crate) fn start(
    plan: &Plan,
    like: &Process,
    deployment: &Deployment,
    host: &str,
    signs: Option<&str>,
) -> Result<Process> {
    let port = insula_free_port::free_port()?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["bare", "--host", host, "--port"])
        .arg(port.to_string())
        .arg("--like")
        .arg(like.port.to_string())
        .arg("--workers")
        .arg(plan.cores.server.len().to_string());
    if let Some(algorithm) = signs {
        command.args(["--signs", algorithm]);
    }
    let log = deployment.folder().join("bare.log");
    Process::start(&mut command, port, &log, &plan.cores.server)
}

/// Serves until it is told to stop.
pub(crate) fn run(options: &BareOptions) -> Result<()> {
    actix_web::rt::System::new().block_on(serve(options))
}

async fn serve(options: &BareOptions) -> Result<()> {
    let mut like = Wire::open(options.like).await?;
    let pages = Data::new(Pages {
        discovery: page(&mut like, &get(&options.host, DISCOVERY)).await?,
        keys: page(&mut like, &get(&options.host, KEYS)).await?,
    });
    let tokens = match &options.signs {
        Some(algorithm) => Some(Tokens::like(&mut like, &options.host, algorithm).await?),
        None => None,
    };
    let tokens = Data::new(tokens);
    drop(like);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(pages.clone())
            .app_data(tokens.clone())
            .route(DISCOVERY, web::get().to(discovery))
            .route(KEYS, web::get().to(keys))
            .route("/token", web::post().to(token))
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

/// The form is read, because it stands between this request and the next, and signed for without a look.
async fn token(
    tokens: Data<Option<Tokens>>,
    _form: Bytes,
) -> Result<HttpResponse, actix_web::Error> {
    let Some(tokens) = tokens.as_ref() else {
        return Ok(HttpResponse::NotFound().finish());
    };
    let signature = tokens.signer.sign().map_err(ErrorInternalServerError)?;
    let (before, after) = (&tokens.before, &tokens.after);
    let body = format!("{before}{}{after}", BASE64URL_NOPAD.encode(&signature));
    Ok(tokens.page.answer_with(Bytes::from(body)))
}

/// An answer of the token endpoint, and what stands around its signature.
struct Tokens {
    page: Page,
    before: String,
    after: String,
    signer: Signer,
}

impl Tokens {
    async fn like(like: &mut Wire, host: &str, algorithm: &str) -> Result<Self> {
        let page = page(like, &machines::request(host)).await?;
        let text = str::from_utf8(&page.body)?;
        let answer: serde_json::Value = serde_json::from_str(text)?;
        let token = answer.get("access_token").and_then(|token| token.as_str());
        let token = token.context("no access token came")?;
        let (signed, signature) = token.rsplit_once('.').context("the token is no JWS")?;
        let (before, after) = text
            .split_once(signature)
            .with_context(|| format!("the answer does not hold {signed}"))?;
        Ok(Self {
            before: before.to_owned(),
            after: after.to_owned(),
            signer: Signer::of_algorithm(algorithm, token)?,
            page,
        })
    }
}

impl Page {
    fn answer(&self) -> HttpResponse {
        self.answer_with(self.body.clone())
    }

    fn answer_with(&self, body: Bytes) -> HttpResponse {
        let mut answer = HttpResponse::Ok();
        for (name, value) in &self.headers {
            answer.insert_header((name.clone(), value.clone()));
        }
        answer.body(body)
    }
}

async fn page(like: &mut Wire, request: &[u8]) -> Result<Page> {
    let answer = like.ask(request).await?.expect(200)?;
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
