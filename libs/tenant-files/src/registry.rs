use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use insula_config::{Loaded, Problem, Severity, TenantFiles, TenantSource};
use insula_model::{DocumentFormat, Issuer, TenantDocument, TenantId};
use insula_store::{
    RegisteredDocument, StoreError, TenantChanges, TenantEntry, TenantIndex, TenantRegistry,
};
use tokio::runtime::Handle;
use tracing::{info, warn};

use crate::watched::WatchedTenants;
use crate::{Folders, Inspect};

/// What a failure of this registry is said to be of.
const BACKEND: &str = "the folder of tenants";

/// The tenants of a folder. To ask for changes is to look for them: every file is asked for what is
/// cheap to know, and who looks changed is read. Clones share what is known.
#[derive(Clone)]
pub struct FileRegistry {
    inner: Arc<Inner>,
    io: Handle,
}

struct Inner {
    folders: Folders,
    inspect: Inspect,
    /// Held while a look goes on.
    watched: Mutex<WatchedTenants>,
    /// What the last look found wrong with folders; told once, not at every look.
    told: Mutex<Vec<Problem>>,
    /// Who had a file at the last look and in whose form, by name, so that reading one tenant does
    /// not look through all folders.
    formats: Mutex<Box<[(TenantId, DocumentFormat)]>>,
    changes: Mutex<Changes>,
}

#[derive(Default)]
struct Changes {
    index: TenantIndex,
    /// Where the last answer broke off: who goes on there wants the rest, not another look.
    broke_off_at: Option<u64>,
}

impl FileRegistry {
    /// The tenants of these folders. `inspect` looks at each that was read anew; its problems are
    /// told with those of the reader. Files are read on the blocking threads of `io`.
    pub fn new(folders: Folders, inspect: Inspect, io: Handle) -> Self {
        let inner = Inner {
            folders,
            inspect,
            watched: Mutex::default(),
            told: Mutex::default(),
            formats: Mutex::default(),
            changes: Mutex::default(),
        };
        Self {
            inner: Arc::new(inner),
            io,
        }
    }

    /// Reads a tenant's files as they are now. Blocks. `Err` says that there are none.
    pub fn read(&self, id: &TenantId) -> Result<Loaded, String> {
        let source = self.inner.source(id)?;
        Ok(self.inner.folders.read(&source))
    }

    /// Reads what a tenant's files said before, with what they refer to as it is now. Blocks.
    pub fn read_earlier(&self, id: &TenantId, earlier: &TenantDocument) -> Result<Loaded, String> {
        let source = self.inner.source(id)?;
        Ok(self.inner.folders.read_earlier(&source, earlier))
    }

    /// Looks through all folders and reads every tenant, whatever was known. Blocks. Answers the
    /// problems of folders that are no tenants.
    pub fn read_all(&self, mut tenant: impl FnMut(&TenantSource, Loaded)) -> Vec<Problem> {
        let found = TenantFiles::discover(&self.inner.folders.tenants);
        for source in &found.sources {
            tenant(source, self.inner.folders.read(source));
        }
        found.problems
    }

    /// The issuers of all tenants whose files are good, as of the last look.
    pub fn issuers(&self) -> Vec<(TenantId, Issuer)> {
        let watched = held(&self.inner.watched);
        let issuers = watched.0.iter();
        issuers
            .filter_map(|(id, known)| {
                let issuer = Issuer::parse(known.issuer.as_deref()?).ok()?;
                Some((id.clone(), issuer))
            })
            .collect()
    }

    async fn on_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = Arc::clone(&self.inner);
        let working = self.io.spawn_blocking(move || work(&inner));
        working.await.unwrap_or_else(|ended| {
            Err(StoreError::Failed {
                backend: BACKEND,
                cause: ended.to_string(),
            })
        })
    }
}

impl std::fmt::Debug for FileRegistry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let folder = &self.inner.folders.tenants;
        f.debug_tuple("FileRegistry").field(folder).finish()
    }
}

#[async_trait]
impl TenantRegistry for FileRegistry {
    async fn changes_since(&self, since: u64, most: u32) -> Result<TenantChanges, StoreError> {
        let work = move |inner: &Inner| inner.changes_since(since, most, Instant::now());
        self.on_blocking(work).await
    }

    async fn by_host(&self, host: &str) -> Result<Vec<TenantEntry>, StoreError> {
        Ok(held(&self.inner.changes).index.by_host(host))
    }

    async fn document(&self, id: &TenantId) -> Result<Option<RegisteredDocument>, StoreError> {
        let id = id.clone();
        let work = move |inner: &Inner| {
            let known = held(&inner.changes)
                .index
                .get(&id)
                .map(|(number, _)| number);
            let (Some(number), Ok(source)) = (known, inner.source(&id)) else {
                return Ok(None);
            };
            let document = inner.folders.read(&source).document;
            Ok(document.map(|document| RegisteredDocument { number, document }))
        };
        self.on_blocking(work).await
    }
}

impl Inner {
    fn source(&self, id: &TenantId) -> Result<TenantSource, String> {
        let tenants = &self.folders.tenants;
        let formats = held(&self.formats);
        let at = formats.binary_search_by(|(known, _)| known.cmp(id));
        let found = at.ok().and_then(|at| formats.get(at));
        let source = found.map(|(id, format)| TenantSource::within(tenants, id.clone(), *format));
        source.ok_or_else(|| format!("tenant {id} has no file in {}", tenants.display()))
    }

    fn changes_since(
        &self,
        since: u64,
        most: u32,
        now: Instant,
    ) -> Result<TenantChanges, StoreError> {
        let goes_on = held(&self.changes).broke_off_at == Some(since);
        if !goes_on {
            self.look(now)?;
        }
        let mut changes = held(&self.changes);
        let answer = changes.index.changes_since(since, most);
        changes.broke_off_at = answer.has_more.then_some(answer.upto);
        Ok(answer)
    }

    /// Looks what the folders hold, and notes who differs from before.
    fn look(&self, now: Instant) -> Result<(), StoreError> {
        let mut found = TenantFiles::discover(&self.folders.tenants);
        if found.sources.is_empty()
            && let Some(problem) = found.problems.first()
        {
            return Err(StoreError::Unavailable {
                backend: BACKEND,
                cause: problem.to_string(),
            });
        }
        self.tell_of_folders(found.problems);
        let mut watched = held(&self.watched);
        watched.share_ids(&mut found.sources);
        let gone = watched.retain(&found.sources);
        let to_read = watched.to_read(&found.sources, now);
        let mut entries = Vec::with_capacity(to_read.len());
        for source in &found.sources {
            if to_read.contains(&source.id) {
                entries.push(self.read_again(source, &mut watched, now));
            }
        }
        let sources = found.sources.into_iter();
        let mut formats: Vec<_> = sources.map(|source| (source.id, source.format)).collect();
        formats.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        *held(&self.formats) = formats.into_boxed_slice();
        let mut changes = held(&self.changes);
        for id in &gone {
            changes.index.remove(id);
        }
        for entry in entries {
            changes.index.put(entry);
        }
        Ok(())
    }

    /// Reads a tenant and answers where it is found: where it was, if its files turned bad.
    fn read_again(
        &self,
        source: &TenantSource,
        watched: &mut WatchedTenants,
        now: Instant,
    ) -> TenantEntry {
        let mut loaded = self.folders.read(source);
        let fingerprint = loaded.seen.fingerprint().to_string();
        let spec = loaded.spec.as_ref().ok();
        let issuer = spec.map(|spec| spec.issuer.as_str().into());
        if watched.renew(&source.id, &loaded.seen, issuer, now) {
            // At start and not at the first login: whoever started the server is still looking.
            if let Ok(spec) = &loaded.spec {
                loaded.problems.extend((self.inspect)(source, spec));
            }
            tell(source, &loaded.problems);
        }
        match loaded.spec {
            Ok(spec) => TenantEntry::of(&spec, fingerprint),
            Err(_) => self.as_it_was(&source.id, fingerprint),
        }
    }

    /// The fingerprint moves on, so that the actor hears of it and reports what is wrong.
    fn as_it_was(&self, id: &TenantId, fingerprint: String) -> TenantEntry {
        let changes = held(&self.changes);
        let known = changes.index.get(id).map(|(_, entry)| entry.clone());
        let known = known.unwrap_or_else(|| TenantEntry {
            id: id.clone(),
            hosts: Vec::new(),
            path: String::new(),
            is_default: false,
            fingerprint: String::new(),
            is_good: false,
        });
        TenantEntry {
            fingerprint,
            is_good: false,
            ..known
        }
    }

    fn tell_of_folders(&self, problems: Vec<Problem>) {
        let mut told = held(&self.told);
        for problem in problems.iter().filter(|problem| !told.contains(problem)) {
            warn!("{problem}");
        }
        *told = problems;
    }
}

fn tell(source: &TenantSource, problems: &[Problem]) {
    for problem in problems {
        match problem.severity {
            Severity::Info => info!(tenant.id = %source.id, "{problem}"),
            _ => warn!(tenant.id = %source.id, "{problem}"),
        }
    }
}

/// A thread that panicked under one of these locks left whole entries behind.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
