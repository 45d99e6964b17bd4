//! `insula events`: prints what happened at a tenant, a line of JSON for each event, as the database
//! holds it.

use std::io::{self, Write as _};
use std::time::Duration;

use anyhow::Result;
use insula_config::{ServerConfig, TenantFiles};
use insula_model::TenantId;
use insula_store::Durable as _;
use insula_store_sql::SqlStore;
use tokio::runtime::Handle;
use tokio::time::sleep;

use crate::exit::Exit;
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
    if printed.map_err(|error| serve::told(&error))? {
        return Ok(());
    }
    eprintln!(
        "there is no tenant {}: {} has no folder of that name, and {} knows of none; a tenant is \
         named as its folder is",
        asked.tenant,
        config.tenants.display(),
        config.database
    );
    Err(Exit::Failed)
}

/// Answers whether there is, or was, such a tenant.
async fn print(config: &ServerConfig, asked: &Asked, io: &Handle) -> Result<bool> {
    let Ok(id) = TenantId::parse(&asked.tenant) else {
        return Ok(false);
    };
    let database = wiring::existing_database(config, io).await?;
    let store = database.tenant(&id);
    let mut position = asked.after;
    let has_more = !store.events_after(position, 1).await?.is_empty();
    if !has_more && !is_known(config, &database, &id).await? {
        return Ok(false);
    }
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
                return Ok(true);
            }
        }
        if !page.is_empty() {
            continue;
        }
        if !asked.follow {
            return Ok(true);
        }
        sleep(PAUSE).await;
    }
}

/// Whether there is a folder of this name, or rows that were made for a tenant of it.
async fn is_known(config: &ServerConfig, database: &SqlStore, id: &TenantId) -> Result<bool> {
    let owners = database.owners().await?;
    if owners.iter().any(|(owned, _)| owned == id) {
        return Ok(true);
    }
    let found = TenantFiles::discover(&config.tenants);
    Ok(found.sources.iter().any(|source| source.id == *id))
}
