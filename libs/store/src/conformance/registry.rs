//! What every [`TenantRegistry`] must do, and what every one that is written through its own verbs
//! must do besides. See [`registry_conformance!`](crate::registry_conformance) and
//! [`edit_tenants_conformance!`](crate::edit_tenants_conformance).
//!
//! Every sentence has a registry of its own: it counts all changes there are.
#![expect(
    missing_docs,
    clippy::unwrap_used,
    reason = "names are sentences here, and a suite speaks by panicking"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use insula_model::{DocumentFormat, DocumentSyntax, TenantDocument, TenantId};

use crate::{EditTenants, TenantChange, TenantChanges, TenantEntry, TenantPut, TenantRegistry};

/// A registry under test, and somebody who changes its tenants in whatever way is its own.
#[async_trait]
pub trait RegistryUnderTest: Send + Sync {
    fn registry(&self) -> &dyn TenantRegistry;

    /// Writes a tenant down, new or anew. A `note` changes its configuration and where it is found
    /// stays.
    async fn write(&self, tenant: &Written);

    /// Removes a tenant.
    async fn remove(&self, name: &str);

    /// The registry by its own verbs, if it has such.
    fn editor(&self) -> Option<Arc<dyn EditTenants>> {
        None
    }

    /// The test is over.
    async fn end(self)
    where
        Self: Sized,
    {
    }
}

/// A tenant as the suite writes it down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub name: String,
    pub hosts: Vec<String>,
    pub path: String,
    pub is_default: bool,
    pub note: String,
}

impl Written {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            hosts: vec![format!("{name}.test")],
            path: String::new(),
            is_default: false,
            note: "first".to_owned(),
        }
    }

    fn at(mut self, hosts: &[&str], path: &str) -> Self {
        self.hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        path.clone_into(&mut self.path);
        self
    }

    fn noting(mut self, note: &str) -> Self {
        note.clone_into(&mut self.note);
        self
    }

    pub fn id(&self) -> TenantId {
        TenantId::parse(&self.name).unwrap()
    }

    /// It as a document of ours. The first host is that of the issuer.
    pub fn document(&self) -> TenantDocument {
        let (first, others) = self.hosts.split_first().unwrap();
        let text = format!(
            "issuer: https://{first}{}\nhosts: [{}]\ndefault: {}\nenablePasswordDB: true\n# {}\n",
            self.path,
            others.join(", "),
            self.is_default,
            self.note,
        );
        TenantDocument::new(DocumentFormat::Native, DocumentSyntax::Yaml, text)
    }

    async fn put_into(&self, registry: &dyn EditTenants, expected: Option<u64>) -> TenantPut {
        let (entry, document) = (self.entry(), self.document());
        let put = registry.put_tenant(&entry, &document, expected).await;
        put.unwrap()
    }

    /// Where it is found, as a registry that is told so is told.
    pub fn entry(&self) -> TenantEntry {
        TenantEntry {
            id: self.id(),
            hosts: self.hosts.clone(),
            path: self.path.clone(),
            is_default: self.is_default,
            fingerprint: self.note.clone(),
            is_good: true,
        }
    }
}

/// A registry that is written through its own verbs.
pub struct Edited<R>(Arc<R>);

impl<R: EditTenants> Edited<R> {
    pub fn new(registry: Arc<R>) -> Self {
        Self(registry)
    }
}

#[async_trait]
impl<R: EditTenants> RegistryUnderTest for Edited<R> {
    fn registry(&self) -> &dyn TenantRegistry {
        &*self.0
    }

    async fn write(&self, tenant: &Written) {
        let known = self.0.document(&tenant.id()).await.unwrap();
        let (entry, document) = (tenant.entry(), tenant.document());
        let expected = known.map(|known| known.number);
        let put = self.0.put_tenant(&entry, &document, expected).await;
        assert!(matches!(put.unwrap(), TenantPut::Stored(_)));
    }

    async fn remove(&self, name: &str) {
        let id = TenantId::parse(name).unwrap();
        assert!(self.0.remove_tenant(&id).await.unwrap());
    }

    fn editor(&self) -> Option<Arc<dyn EditTenants>> {
        Some(Arc::clone(&self.0) as _)
    }
}

/// Turns the suite of [`TenantRegistry`] into tests of the registry under test.
///
/// Takes an expression of a future of `Option<impl RegistryUnderTest>`; `None` skips. The caller
/// needs `tokio` with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! registry_conformance {
    ($factory:expr) => {
        $crate::registry_conformance! { @each $factory;
            a_registry_without_tenants_has_no_changes,
            every_tenant_is_told_from_the_beginning,
            what_is_known_is_not_told_again,
            a_change_of_one_tenant_is_told_alone,
            a_tenant_written_as_it_was_is_no_change,
            a_tenant_that_is_removed_is_told_as_gone_and_not_from_the_beginning,
            a_tenant_that_comes_back_is_told_as_there,
            of_many_changes_of_a_tenant_the_last_is_told,
            changes_come_page_by_page_each_once,
            who_knows_more_than_there_is_begins_anew,
            a_host_leads_to_its_tenants_and_to_no_other,
            a_host_that_a_tenant_gave_up_leads_nowhere,
            a_document_comes_back_as_it_was_written,
        }
    };
    (@each $factory:expr; $($sentence:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $sentence() {
                if let Some(registry) = $factory.await {
                    $crate::conformance::registry::$sentence(&registry).await;
                    $crate::conformance::registry::RegistryUnderTest::end(registry).await;
                }
            }
        )*
    };
}

/// Turns the suite of [`EditTenants`] into tests of the registry under test.
///
/// Takes what [`registry_conformance!`](crate::registry_conformance) takes, with an `editor`.
#[macro_export]
macro_rules! edit_tenants_conformance {
    ($factory:expr) => {
        $crate::edit_tenants_conformance! { @each $factory;
            a_tenant_is_replaced_only_from_the_change_it_is_at,
            of_a_hundred_who_put_a_tenant_one_wins,
            many_who_write_at_once_are_all_told_to_who_follows,
            a_removed_tenant_may_be_put_again,
        }
    };
    (@each $factory:expr; $($sentence:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $sentence() {
                use $crate::conformance::registry::RegistryUnderTest as _;
                if let Some(registry) = $factory.await {
                    let editor = registry.editor().expect("it has verbs of its own");
                    $crate::conformance::registry::$sentence(editor).await;
                    registry.end().await;
                }
            }
        )*
    };
}

/// Names of those that are there, in the order told; of those gone, with a minus.
fn told(changes: &TenantChanges) -> Vec<String> {
    let word = |change: &TenantChange| match change {
        TenantChange::Put(entry) => entry.id.as_str().to_owned(),
        TenantChange::Removed(id) => format!("-{id}"),
    };
    changes.changes.iter().map(word).collect()
}

fn put<'c>(changes: &'c TenantChanges, name: &str) -> &'c TenantEntry {
    let mut entries = changes.changes.iter().filter_map(|change| match change {
        TenantChange::Put(entry) => Some(entry.as_ref()),
        TenantChange::Removed(_) => None,
    });
    entries.find(|entry| entry.id.as_str() == name).unwrap()
}

async fn since(registry: &impl RegistryUnderTest, number: u64) -> TenantChanges {
    let changes = registry.registry().changes_since(number, 1_000).await;
    let changes = changes.unwrap();
    assert!(!changes.has_more && !changes.begins_anew);
    changes
}

async fn acme_and_globex(registry: &impl RegistryUnderTest) -> TenantChanges {
    registry.write(&Written::new("acme")).await;
    registry.write(&Written::new("globex")).await;
    since(registry, 0).await
}

pub async fn a_registry_without_tenants_has_no_changes(registry: &impl RegistryUnderTest) {
    let changes = since(registry, 0).await;
    assert_eq!(told(&changes), Vec::<String>::new());
    assert_eq!(since(registry, changes.upto).await.changes, []);
    let acme = Written::new("acme").id();
    assert_eq!(registry.registry().document(&acme).await.unwrap(), None);
    assert_eq!(registry.registry().by_host("acme.test").await.unwrap(), []);
}

pub async fn every_tenant_is_told_from_the_beginning(registry: &impl RegistryUnderTest) {
    registry.write(&Written::new("acme")).await;
    let mut globex = Written::new("globex").at(&["globex.test", "g.test"], "/dex");
    globex.is_default = true;
    registry.write(&globex).await;
    let changes = since(registry, 0).await;
    let mut names = told(&changes);
    names.sort();
    assert_eq!(names, ["acme", "globex"]);
    let found = put(&changes, "globex");
    assert_eq!(
        (&found.hosts, &found.path, found.is_default, found.is_good),
        (&globex.hosts, &globex.path, true, true)
    );
    assert!(!put(&changes, "acme").is_default);
}

pub async fn what_is_known_is_not_told_again(registry: &impl RegistryUnderTest) {
    let changes = acme_and_globex(registry).await;
    let again = since(registry, changes.upto).await;
    assert_eq!((again.changes, again.upto), (vec![], changes.upto));
}

pub async fn a_change_of_one_tenant_is_told_alone(registry: &impl RegistryUnderTest) {
    let before = acme_and_globex(registry).await;
    registry.write(&Written::new("acme").noting("second")).await;
    let changes = since(registry, before.upto).await;
    assert_eq!(told(&changes), ["acme"]);
    assert!(changes.upto > before.upto);
    let (old, new) = (put(&before, "acme"), put(&changes, "acme"));
    assert_ne!(old.fingerprint, new.fingerprint);
    assert_eq!(old.hosts, new.hosts);
    let moved = Written::new("globex").at(&["elsewhere.test"], "/x");
    registry.write(&moved).await;
    let changes = since(registry, changes.upto).await;
    assert_eq!(told(&changes), ["globex"]);
    let found = put(&changes, "globex");
    assert_eq!((&found.hosts, &found.path), (&moved.hosts, &moved.path));
}

pub async fn a_tenant_written_as_it_was_is_no_change(registry: &impl RegistryUnderTest) {
    let before = acme_and_globex(registry).await;
    registry.write(&Written::new("acme")).await;
    let after = since(registry, before.upto).await;
    assert_eq!((told(&after), after.upto), (vec![], before.upto));
}

pub async fn a_tenant_that_is_removed_is_told_as_gone_and_not_from_the_beginning(
    registry: &impl RegistryUnderTest,
) {
    let before = acme_and_globex(registry).await;
    registry.remove("acme").await;
    let changes = since(registry, before.upto).await;
    assert_eq!(told(&changes), ["-acme"]);
    assert_eq!(told(&since(registry, changes.upto).await), [""; 0]);
    assert_eq!(told(&since(registry, 0).await), ["globex"]);
    let acme = Written::new("acme").id();
    assert_eq!(registry.registry().document(&acme).await.unwrap(), None);
    assert_eq!(registry.registry().by_host("acme.test").await.unwrap(), []);
}

pub async fn a_tenant_that_comes_back_is_told_as_there(registry: &impl RegistryUnderTest) {
    let before = acme_and_globex(registry).await;
    registry.remove("acme").await;
    let gone = since(registry, before.upto).await;
    registry.write(&Written::new("acme")).await;
    for (known, names) in [
        (gone.upto, vec!["acme"]),
        (before.upto, vec!["acme"]),
        (0, vec!["globex", "acme"]),
    ] {
        assert_eq!(told(&since(registry, known).await), names, "{known}");
    }
    let found = registry.registry().by_host("acme.test").await.unwrap();
    assert_eq!(found.len(), 1);
}

pub async fn of_many_changes_of_a_tenant_the_last_is_told(registry: &impl RegistryUnderTest) {
    let before = acme_and_globex(registry).await;
    for note in ["2", "3", "4"] {
        registry.write(&Written::new("acme").noting(note)).await;
        since(registry, before.upto).await;
    }
    let changes = since(registry, before.upto).await;
    assert_eq!(told(&changes), ["acme"]);
    assert_eq!(told(&since(registry, 0).await), ["globex", "acme"]);
}

pub async fn changes_come_page_by_page_each_once(registry: &impl RegistryUnderTest) {
    for n in 0..7 {
        registry.write(&Written::new(&format!("t{n}"))).await;
    }
    let known = since(registry, 0).await.upto;
    for n in [1, 3, 5, 6] {
        let changed = Written::new(&format!("t{n}")).noting("second");
        registry.write(&changed).await;
        // So that the changes have an order, however a registry learns of them.
        since(registry, known).await;
    }
    registry.remove("t0").await;
    let mut pages = vec![];
    let (mut names, mut at) = (vec![], known);
    loop {
        let page = registry.registry().changes_since(at, 2).await.unwrap();
        assert!(page.changes.len() <= 2);
        pages.push(page.changes.len());
        names.extend(told(&page));
        at = page.upto;
        if !page.has_more {
            break;
        }
    }
    assert_eq!(names, ["t1", "t3", "t5", "t6", "-t0"]);
    assert_eq!(pages, [2, 2, 1]);
    assert_eq!(told(&since(registry, at).await), [""; 0]);
}

pub async fn who_knows_more_than_there_is_begins_anew(registry: &impl RegistryUnderTest) {
    let upto = acme_and_globex(registry).await.upto;
    let changes = registry.registry().changes_since(upto + 1, 1).await;
    let changes = changes.unwrap();
    assert!(changes.begins_anew && changes.has_more);
    assert_eq!(changes.changes.len(), 1);
    let rest = since(registry, changes.upto).await;
    assert_eq!((rest.changes.len(), rest.upto), (1, upto));
}

pub async fn a_host_leads_to_its_tenants_and_to_no_other(registry: &impl RegistryUnderTest) {
    let shared = |name: &str, path: &str| {
        Written::new(name).at(&["shared.test", &format!("{name}.test")], path)
    };
    registry.write(&shared("globex", "/g")).await;
    registry.write(&shared("acme", "/a")).await;
    registry.write(&Written::new("hooli")).await;
    since(registry, 0).await;
    let names = async |host: &str| -> Vec<(String, String)> {
        let found = registry.registry().by_host(host).await.unwrap();
        let names = found.into_iter();
        names
            .map(|entry| (entry.id.as_str().to_owned(), entry.path))
            .collect()
    };
    let pair = |name: &str, path: &str| (name.to_owned(), path.to_owned());
    let both = [pair("acme", "/a"), pair("globex", "/g")];
    assert_eq!(names("shared.test").await, both);
    assert_eq!(names("Shared.TEST").await, both);
    assert_eq!(names("hooli.test").await, [pair("hooli", "")]);
    assert_eq!(names("shared.test.").await, []);
    assert_eq!(names("test").await, []);
    assert_eq!(names("%").await, []);
}

pub async fn a_host_that_a_tenant_gave_up_leads_nowhere(registry: &impl RegistryUnderTest) {
    registry
        .write(&Written::new("acme").at(&["a.test", "b.test"], ""))
        .await;
    since(registry, 0).await;
    registry
        .write(&Written::new("acme").at(&["b.test", "c.test"], ""))
        .await;
    since(registry, 0).await;
    let mut found = BTreeMap::new();
    for host in ["a.test", "b.test", "c.test"] {
        let entries = registry.registry().by_host(host).await.unwrap();
        found.insert(host, entries.len());
    }
    assert_eq!(
        found,
        BTreeMap::from([("a.test", 0), ("b.test", 1), ("c.test", 1)])
    );
}

pub async fn a_document_comes_back_as_it_was_written(registry: &impl RegistryUnderTest) {
    let long = "Straßenbau 🛠 \u{1f}"
        .repeat(10_000)
        .replace('\u{1f}', "'\\\" ");
    for note in ["first", &long] {
        let acme = Written::new("acme").noting(note);
        registry.write(&acme).await;
        let upto = since(registry, 0).await.upto;
        let found = registry.registry().document(&acme.id()).await.unwrap();
        let found = found.unwrap();
        assert!(found.document == acme.document(), "{} bytes", note.len());
        assert_eq!(found.number, upto);
    }
}

fn stored(put: TenantPut) -> u64 {
    match put {
        TenantPut::Stored(number) => Some(number),
        TenantPut::Lost => None,
    }
    .unwrap()
}

pub async fn a_tenant_is_replaced_only_from_the_change_it_is_at(registry: Arc<dyn EditTenants>) {
    let put = async |note: &str, expected| {
        let acme = Written::new("acme").noting(note);
        acme.put_into(&*registry, expected).await
    };
    assert_eq!(put("1", Some(1)).await, TenantPut::Lost);
    let first = stored(put("1", None).await);
    assert_eq!(put("2", None).await, TenantPut::Lost);
    assert_eq!(put("2", Some(first + 1)).await, TenantPut::Lost);
    assert_eq!(put("1", Some(first)).await, TenantPut::Stored(first));
    let second = stored(put("2", Some(first)).await);
    assert!(second > first);
    assert_eq!(put("3", Some(first)).await, TenantPut::Lost);
    let stored = registry.document(&Written::new("acme").id()).await.unwrap();
    assert_eq!(stored.unwrap().number, second);
}

pub async fn of_a_hundred_who_put_a_tenant_one_wins(registry: Arc<dyn EditTenants>) {
    let putting = (0..100).map(|n| {
        let registry = Arc::clone(&registry);
        tokio::spawn(async move {
            let acme = Written::new("acme").noting(&n.to_string());
            acme.put_into(&*registry, None).await
        })
    });
    let put = join_all(putting.collect::<Vec<_>>()).await;
    let won = put.into_iter().filter(|put| {
        let put = put.as_ref().unwrap();
        matches!(put, TenantPut::Stored(_))
    });
    assert_eq!(won.count(), 1);
    let changes = registry.changes_since(0, 10).await.unwrap();
    assert_eq!(told(&changes), ["acme"]);
}

pub async fn many_who_write_at_once_are_all_told_to_who_follows(registry: Arc<dyn EditTenants>) {
    const TENANTS: usize = 60;
    let writing = (0..TENANTS).map(|n| {
        let registry = Arc::clone(&registry);
        tokio::spawn(async move {
            let tenant = Written::new(&format!("t{n}"));
            tenant.put_into(&*registry, None).await
        })
    });
    let writing: Vec<_> = writing.collect();
    let (mut at, mut seen) = (0, vec![]);
    // What becomes visible late must not have a number that was passed already.
    while seen.len() < TENANTS {
        let changes = registry.changes_since(at, 7).await.unwrap();
        seen.extend(told(&changes));
        at = changes.upto;
        if changes.changes.is_empty() && writing.iter().all(tokio::task::JoinHandle::is_finished) {
            let last = registry.changes_since(at, 1_000).await.unwrap();
            seen.extend(told(&last));
            break;
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), TENANTS);
    for writing in writing {
        assert!(matches!(writing.await.unwrap(), TenantPut::Stored(_)));
    }
}

pub async fn a_removed_tenant_may_be_put_again(registry: Arc<dyn EditTenants>) {
    let acme = Written::new("acme");
    assert!(!registry.remove_tenant(&acme.id()).await.unwrap());
    let put = async || acme.put_into(&*registry, None).await;
    let first = stored(put().await);
    assert!(registry.remove_tenant(&acme.id()).await.unwrap());
    assert!(!registry.remove_tenant(&acme.id()).await.unwrap());
    let second = stored(put().await);
    assert!(second > first);
}
