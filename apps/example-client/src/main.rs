//! A relying party as an integrator would write it: log in at an issuer of your choice, see what
//! the tokens say, refresh them, ask who it is, log out.
//!
//! Owns one small web application over the `openidconnect` crate. Uses no crate of ours: whatever
//! it does, any program in any language can do with what the specifications say.

mod failure;
mod oidc;
mod outgoing;
mod pages;
mod routes;
mod sessions;

use std::net::SocketAddr;

use actix_web::{App, HttpServer, web};
use anyhow::Context as _;
use clap::Parser;
use url::Url;

use crate::oidc::RelyingParty;
use crate::outgoing::Outgoing;
use crate::pages::Pages;
use crate::sessions::Sessions;

const MOST_SESSIONS: usize = 1_000;

/// An OpenID Connect relying party to try an issuer with.
#[derive(Debug, Parser)]
#[command(name = "insula-example-client", version)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:5555")]
    listen: SocketAddr,
    /// The address that browsers know this client by; redirect URIs begin with it.
    #[arg(long, default_value = "http://127.0.0.1:5555")]
    url: Url,
    /// An issuer to offer; may be given several times.
    #[arg(long = "issuer", default_values_t = [
        "http://127.0.0.1:5556/acme".to_owned(),
        "http://127.0.0.1:5556/globex".to_owned(),
        "http://initech.localhost:5556".to_owned(),
    ])]
    issuers: Vec<String>,
    /// The client id that the issuers know.
    #[arg(long, default_value = "example-app")]
    client_id: String,
    /// The client's secret at all of them.
    #[arg(
        long,
        env = "EXAMPLE_CLIENT_SECRET",
        hide_env_values = true,
        default_value = "ZXhhbXBsZS1hcHAtc2VjcmV0",
        hide_default_value = true
    )]
    client_secret: String,
}

/// What every request can reach.
struct Shared {
    relying_party: RelyingParty,
    pages: Pages,
    sessions: Sessions,
}

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        anyhow::bail!("another TLS provider was installed first");
    }
    let shared = web::Data::new(Shared {
        relying_party: RelyingParty::new(
            arguments.issuers,
            arguments.client_id,
            arguments.client_secret,
            &arguments.url,
            Outgoing::new()?,
        )?,
        pages: Pages::compile()?,
        sessions: Sessions::at_most(MOST_SESSIONS),
    });
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::clone(&shared))
            .configure(routes::all)
    })
    // One is plenty for one person, and an idle connection belongs to the worker that opened it.
    .workers(1)
    .shutdown_timeout(5)
    .bind(arguments.listen)
    .with_context(|| format!("could not listen on {}", arguments.listen))?;
    println!("the example client answers at {}", arguments.url);
    server.run().await?;
    Ok(())
}
