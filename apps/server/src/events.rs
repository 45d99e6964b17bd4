//! `insula events`: prints what happened at a tenant, a line of JSON for each event, as the database
//! holds it.

use std::io::{self, Write as _};
use std::time::Duration;

use anyhow::{Context as _, Result};
use insula_config::ServerConfig;
use insula_model::TenantId;
use insula_store::Durable as _;
use tokio::runtime::Handle;
use tokio::time::sleep;

use crate::exit::{Exit, Misconfigured};
use crate::{serve, wiring};

/// The most events of one look.
const PAGE: u32 = 500;
/// How often whoever follows looks again.
const PAUSE: Duration = Duration::from_secs(1);

/// Which events are asked for.
pub(crate) struct Asked {
    /// The tenant's name.
    pub(crate) tenant: String,
    /// The position behind which they lie.
    pub(crate) after: u64,
    /// Whether to wait for more.
    pub(crate) follow: bool,
}

pub(crate) fn run(config: &ServerConfig, asked: &Asked) -> Result<(), Exit> {
    serve::start_logging(config)?;
    wiring::install_crypto();
    let io = serve::io_runtime()?;
    let handle = io.handle().clone();
    let printed = io.block_on(print(config, asked, &handle));
    printed.map_err(|error| serve::told(&error))
}

async fn print(config: &ServerConfig, asked: &Asked, io: &Handle) -> Result<()> {
    let id = TenantId::parse(&asked.tenant).context(Misconfigured)?;
    let database = wiring::database(config, io).await?;
    let store = database.tenant(&id);
    let mut position = asked.after;
    loop {
        let page = store.events_after(position, PAGE).await?;
        for placed in &page {
            position = placed.position;
            let mut line = serde_json::to_value(&placed.event)?;
            if let Some(fields) = line.as_object_mut() {
                fields.insert("position".to_owned(), position.into());
                fields.insert("tenant".to_owned(), id.as_str().into());
            }
            if writeln!(io::stdout(), "{line}").is_err() {
                // Nobody reads on.
                return Ok(());
            }
        }
        if !page.is_empty() {
            continue;
        }
        if !asked.follow {
            return Ok(());
        }
        sleep(PAUSE).await;
    }
}
