use std::fs;
use std::path::PathBuf;

use insula_jose::KeyRing;
use insula_store::MemoryStore;
use tempfile::TempDir;

use super::*;

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("insula.key");
    (folder, path)
}

fn text_of(key: &MasterKey) -> String {
    key.to_text().reveal().to_owned()
}

async fn found(reference: &SecretRef, store: &MemoryStore) -> Result<MasterKey> {
    find(reference, store, &"sqlite://insula.db").await
}

async fn complaint(reference: &SecretRef) -> String {
    complaint_on(reference, &MemoryStore::new()).await
}

async fn complaint_on(reference: &SecretRef, store: &MemoryStore) -> String {
    let error = found(reference, store).await.unwrap_err();
    assert!(error.is::<Misconfigured>(), "{error:#}");
    format!("{error:#}")
}

/// A database that was sealed before fingerprints were kept.
async fn sealed_under(key: &MasterKey) -> MemoryStore {
    let store = MemoryStore::new();
    let ring = KeyRing::empty(&SystemEntropy);
    let sealed = SealedKeyRing::seal(&ring, key, "acme", &SystemEntropy).unwrap();
    let keys = SealedKeys { version: 1, sealed };
    let acme = TenantId::parse("acme").unwrap();
    store
        .tenant(&acme)
        .swap_keys(None, &keys, &[])
        .await
        .unwrap();
    store
}

#[tokio::test]
async fn the_first_start_makes_a_key_for_its_owner_alone_and_the_next_finds_it() {
    let (_folder, path) = folder();
    let reference = SecretRef::File(path.clone());
    read(&reference).unwrap();
    assert!(!path.exists(), "check makes nothing");
    let store = MemoryStore::new();
    let made = found(&reference, &store).await.unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = found(&reference, &store).await.unwrap();
    assert_eq!(text_of(&made), text_of(&again));
    assert_eq!(fs::read_to_string(&path).unwrap(), text_of(&made));
    read(&reference).unwrap();
}

#[tokio::test]
async fn two_keys_are_never_the_same() {
    let (_one, first) = folder();
    let (_other, second) = folder();
    let (here, there) = (MemoryStore::new(), MemoryStore::new());
    let first = found(&SecretRef::File(first), &here).await.unwrap();
    let second = found(&SecretRef::File(second), &there).await.unwrap();
    assert_ne!(text_of(&first), text_of(&second));
}

#[tokio::test]
async fn a_key_in_a_folder_that_is_not_there_is_told_with_what_to_do() {
    let (folder, _) = folder();
    let path = folder.path().join("missing").join("insula.key");
    let said = complaint(&SecretRef::File(path.clone())).await;
    assert!(said.contains(&path.display().to_string()), "{said}");
    assert!(said.contains("make its folder"), "{said}");
}

#[tokio::test]
async fn a_file_that_holds_something_else_is_told_by_name_and_left_alone() {
    let (_folder, path) = folder();
    for content in ["", "hunter2-hunter2", "\u{fffd}"] {
        fs::write(&path, content).unwrap();
        let reference = SecretRef::File(path.clone());
        let said = complaint(&reference).await;
        assert!(said.contains("insula.key"), "{said}");
        assert!(said.contains("32 bytes"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
        assert!(read(&reference).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_told_by_name() {
    let (folder, _) = folder();
    let said = complaint(&SecretRef::File(folder.path().to_owned())).await;
    assert!(
        said.contains(&folder.path().display().to_string()),
        "{said}"
    );
    let said = complaint(&SecretRef::Env("INSULA_NO_SUCH_KEY".to_owned())).await;
    assert!(said.contains("env:INSULA_NO_SUCH_KEY"), "{said}");
}

#[tokio::test]
async fn a_key_may_stand_in_the_configuration_itself() {
    let text = "00".repeat(32);
    let plain = |text: &str| SecretRef::parse(text, Path::new(""));
    found(&plain(&text), &MemoryStore::new()).await.unwrap();
    let said = complaint(&plain("too-short")).await;
    assert!(
        said.contains("masterKey") && !said.contains("too-short"),
        "{said}"
    );
}

#[tokio::test]
async fn a_lost_key_is_never_replaced_beside_what_it_sealed() {
    let (_folder, path) = folder();
    let reference = SecretRef::File(path.clone());
    let store = MemoryStore::new();
    let kept = text_of(&found(&reference, &store).await.unwrap());
    fs::remove_file(&path).unwrap();
    for _ in 0..2 {
        let said = complaint_on(&reference, &store).await;
        assert!(said.contains(&path.display().to_string()), "{said}");
        assert!(
            said.contains("backup") && said.contains("reset-keys"),
            "{said}"
        );
        assert!(!path.exists(), "a new key was made");
    }
    fs::write(&path, &kept).unwrap();
    assert_eq!(text_of(&found(&reference, &store).await.unwrap()), kept);
}

#[tokio::test]
async fn another_key_than_the_one_that_sealed_is_refused_on_every_node() {
    let (_one, here) = folder();
    let (_other, there) = folder();
    let store = MemoryStore::new();
    let first = found(&SecretRef::File(here), &store).await.unwrap();
    let second = MasterKey::generate(&SystemEntropy);
    fs::write(&there, second.to_text().reveal().as_bytes()).unwrap();
    let said = complaint_on(&SecretRef::File(there.clone()), &store).await;
    assert!(said.contains(&first.fingerprint()), "{said}");
    assert!(said.contains(&second.fingerprint()), "{said}");
    assert!(there.exists(), "a key that somebody brought is not removed");
}

#[tokio::test]
async fn a_database_sealed_before_fingerprints_were_kept_knows_its_key() {
    let (_folder, path) = folder();
    let reference = SecretRef::File(path.clone());
    let right = MasterKey::generate(&SystemEntropy);
    let store = sealed_under(&right).await;
    complaint_on(&reference, &store).await;
    assert!(!path.exists(), "a new key was made");
    let wrong = MasterKey::generate(&SystemEntropy);
    fs::write(&path, wrong.to_text().reveal().as_bytes()).unwrap();
    complaint_on(&reference, &store).await;
    fs::write(&path, right.to_text().reveal().as_bytes()).unwrap();
    found(&reference, &store).await.unwrap();
    let stated = store.fact(MASTER_KEY_FACT).await.unwrap();
    assert_eq!(stated, Some(right.fingerprint()));
}

#[test]
fn of_processes_that_start_at_once_one_makes_the_key_and_all_read_the_whole_of_it() {
    for _ in 0..20 {
        let (folder, path) = folder();
        let reference = SecretRef::File(path.clone());
        let found = || match make(&path).unwrap() {
            Some(made) => text_of(&made),
            None => text_of(&look(&reference).unwrap()),
        };
        let keys: Vec<_> = std::thread::scope(|scope| {
            let starting: Vec<_> = (0..4).map(|_| scope.spawn(found)).collect();
            starting.into_iter().map(|s| s.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
        let files = fs::read_dir(folder.path()).unwrap();
        assert_eq!(files.count(), 1, "no draft is left");
    }
}
