use std::fs;
use std::path::PathBuf;

use insula_config::SecretText;
use tempfile::TempDir;

use super::*;

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("insula.key");
    (folder, path)
}

fn text_of(key: &MasterKey) -> String {
    key.to_text().to_string()
}

fn complaint(reference: &SecretRef) -> String {
    format!("{:#}", find(reference).unwrap_err())
}

#[test]
fn the_first_start_makes_a_key_for_its_owner_alone_and_the_next_finds_it() {
    let (_folder, path) = folder();
    let reference = SecretRef::File(path.clone());
    check(&reference).unwrap();
    assert!(!path.exists(), "check makes nothing");
    let made = find(&reference).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let found = find(&reference).unwrap();
    assert_eq!(text_of(&made), text_of(&found));
    assert_eq!(fs::read_to_string(&path).unwrap(), text_of(&made));
    check(&reference).unwrap();
}

#[test]
fn two_keys_are_never_the_same() {
    let (_one, first) = folder();
    let (_other, second) = folder();
    let first = find(&SecretRef::File(first)).unwrap();
    let second = find(&SecretRef::File(second)).unwrap();
    assert_ne!(text_of(&first), text_of(&second));
}

#[test]
fn a_key_in_a_folder_that_is_not_there_is_told_with_what_to_do() {
    let (folder, _) = folder();
    let path = folder.path().join("missing").join("insula.key");
    let said = complaint(&SecretRef::File(path.clone()));
    assert!(said.contains(&path.display().to_string()), "{said}");
    assert!(said.contains("make its folder"), "{said}");
}

#[test]
fn a_file_that_holds_something_else_is_told_by_name_and_left_alone() {
    let (_folder, path) = folder();
    for content in ["", "hunter2-hunter2", "\u{fffd}"] {
        fs::write(&path, content).unwrap();
        let reference = SecretRef::File(path.clone());
        let said = complaint(&reference);
        assert!(said.contains("insula.key"), "{said}");
        assert!(said.contains("32 bytes"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
        assert!(check(&reference).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
}

#[test]
fn what_cannot_be_read_is_told_by_name() {
    let (folder, _) = folder();
    let said = complaint(&SecretRef::File(folder.path().to_owned()));
    assert!(
        said.contains(&folder.path().display().to_string()),
        "{said}"
    );
    let said = complaint(&SecretRef::Env("INSULA_NO_SUCH_KEY".to_owned()));
    assert!(said.contains("env:INSULA_NO_SUCH_KEY"), "{said}");
}

#[test]
fn a_key_may_stand_in_the_configuration_itself() {
    let text = "00".repeat(32);
    let plain = |text: &str| SecretRef::Plain(SecretText::new(text));
    find(&plain(&text)).unwrap();
    let said = complaint(&plain("too-short"));
    assert!(
        said.contains("masterKey") && !said.contains("too-short"),
        "{said}"
    );
}
