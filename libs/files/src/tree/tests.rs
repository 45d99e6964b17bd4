use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use tempfile::TempDir;

use super::*;
use crate::Allowed;

const LIMITS: TreeLimits = TreeLimits {
    files: 6,
    file_bytes: 8,
    total_bytes: 12,
    depth: 3,
};

fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn read(dir: &TempDir) -> Result<Vec<String>, String> {
    let reader = Reader::within(dir.path(), &Allowed::default());
    let read = reader.tree(dir.path(), &LIMITS);
    read.map(|files| files.into_keys().collect())
        .map_err(|error| error.to_string())
}

#[test]
fn a_folder_is_read_with_all_that_is_in_it_but_what_hides() {
    let dir = folder(&[("a.css", "a"), ("img/b.svg", "b"), (".git/config", "c")]);
    assert_eq!(read(&dir).unwrap(), ["a.css", "img/b.svg"]);
}

#[test]
fn a_folder_too_full_too_heavy_or_too_deep_is_not_read_to_its_end() {
    let many: Vec<String> = (0..7).map(|n| n.to_string()).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), "")).collect();
    for (files, cause) in [
        (many.as_slice(), "holds more than 6 files"),
        (&[("a", "123456789")], "is longer than"),
        (
            &[("a", "1234567"), ("b", "1234567")],
            "holds more than 0 KiB in all",
        ),
        (&[("1/2/3/4", "")], "is nested more than 3 folders deep"),
    ] {
        let said = read(&folder(files)).unwrap_err();
        assert!(said.contains(cause), "{cause}: {said}");
    }
}

#[test]
fn a_link_to_a_folder_is_walked_only_where_it_stays_inside() {
    let outside = folder(&[("secret", "x")]);
    let dir = folder(&[("img/a.svg", "a")]);
    symlink("img", dir.path().join("pictures")).unwrap();
    assert_eq!(read(&dir).unwrap(), ["img/a.svg", "pictures/a.svg"]);
    symlink(outside.path(), dir.path().join("out")).unwrap();
    let said = read(&dir).unwrap_err();
    assert!(said.contains("outside the folders"), "{said}");
}

#[test]
fn a_link_to_a_file_outside_is_not_served() {
    let outside = folder(&[("secret", "x")]);
    let dir = folder(&[]);
    symlink(outside.path().join("secret"), dir.path().join("logo.svg")).unwrap();
    let said = read(&dir).unwrap_err();
    assert!(said.contains("outside the folders"), "{said}");
}

#[test]
fn a_link_back_to_where_it_lies_ends() {
    let dir = folder(&[("img/a.svg", "a")]);
    symlink("..", dir.path().join("img/back")).unwrap();
    let said = read(&dir).unwrap_err();
    assert!(said.contains("is nested more than 3"), "{said}");
}

#[test]
fn a_socket_in_a_folder_is_no_file() {
    let dir = folder(&[]);
    let _socket = UnixListener::bind(dir.path().join("socket")).unwrap();
    let said = read(&dir).unwrap_err();
    assert!(
        said.contains("is a socket and not a regular file"),
        "{said}"
    );
}
