//! `insula adopt`: a tenant whose issuer changed is told to be the same one (ADR 0016).

use std::sync::Arc;

use anyhow::{Context as _, Result};
use insula_config::ServerConfig;
use insula_model::TenantId;
use insula_store::{Durable as _, TenantRegistry as _};
use insula_tenancy::SpecSource as _;
use tokio::runtime::Handle;

use crate::exit::{Exit, Misconfigured};
use crate::{serve, wiring};

/// Says that what lies in the database under a tenant's name belongs to the issuer in its file.
pub(crate) fn run(config: &ServerConfig, tenant: &str) -> Result<(), Exit> {
    serve::start_logging(config)?;
    wiring::install_crypto();
    let io = serve::io_runtime()?;
    let handle = io.handle().clone();
    let adopted = io.block_on(adopt(config, tenant, &handle));
    let issuer = adopted.map_err(|error| serve::told(&error))?;
    println!("tenant {tenant} is {issuer} from now on; send SIGHUP to processes that serve");
    Ok(())
}

async fn adopt(config: &ServerConfig, tenant: &str, io: &Handle) -> Result<String> {
    let id = TenantId::parse(tenant).context(Misconfigured)?;
    let themes = Arc::new(wiring::themes(config).context(Misconfigured)?);
    let specs = wiring::specs(config, themes, io)?;
    let looked = specs.registry().changes_since(0, 1).await;
    looked.context(Misconfigured)?;
    let loaded = specs.load(&id).await.context(Misconfigured)?;
    let issuer = loaded.spec.issuer.as_str().to_owned();
    let store = wiring::existing_database(config, io).await?;
    store.tenant(&id).adopt(&issuer).await?;
    Ok(issuer)
}
