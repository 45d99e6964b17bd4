use std::os::unix::fs::symlink;
use std::process::Command;

use tempfile::TempDir;

use super::*;

const LIMIT: u64 = 1024;

/// A tenant's folder with `file` in it, and a folder beside it with `secret`.
fn two() -> (TempDir, PathBuf, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let (tenant, beside) = (dir.path().join("tenant"), dir.path().join("beside"));
    fs::create_dir_all(tenant.join("inner")).unwrap();
    fs::create_dir(&beside).unwrap();
    fs::write(tenant.join("file"), "mine").unwrap();
    fs::write(beside.join("secret"), "theirs").unwrap();
    (dir, tenant, beside)
}

fn text(reader: &Reader, path: &Path) -> Result<String, String> {
    reader.read_text(path, LIMIT).map_err(|error| {
        let path = format!("{} ", path.display());
        error.to_string().replace(&path, "")
    })
}

#[test]
fn a_device_without_an_end_is_refused_and_not_read() {
    let (_dir, tenant, _) = two();
    symlink("/dev/zero", tenant.join("zero")).unwrap();
    let everywhere = Allowed::new(&["/".into()], &[]);
    for reader in [Reader::within(&tenant, &everywhere), Reader::anywhere()] {
        for path in [Path::new("/dev/zero"), &tenant.join("zero")] {
            let said = text(&reader, path).unwrap_err();
            assert_eq!(said, "is a device and not a regular file");
        }
    }
}

#[test]
fn a_named_pipe_makes_nobody_wait() {
    let (_dir, tenant, _) = two();
    let pipe = tenant.join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let reader = Reader::within(&tenant, &Allowed::default());
    let said = text(&reader, &pipe).unwrap_err();
    assert_eq!(said, "is a named pipe and not a regular file");
}

#[test]
fn a_pipe_that_takes_a_files_place_after_the_first_look_is_opened_without_waiting() {
    let (_dir, tenant, _) = two();
    let pipe = tenant.join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let root = tenant.canonicalize().unwrap();
    let opened = descend(&root, &root.join("pipe")).unwrap();
    assert!(irregular(opened.metadata().unwrap().file_type()).is_some());
}

#[test]
fn a_step_that_becomes_a_link_after_it_was_resolved_is_not_followed() {
    let (_dir, tenant, beside) = two();
    let root = tenant.canonicalize().unwrap();
    fs::remove_dir(tenant.join("inner")).unwrap();
    symlink(&beside, tenant.join("inner")).unwrap();
    assert!(descend(&root, &root.join("inner/secret")).is_err());
    symlink(beside.join("secret"), tenant.join("last")).unwrap();
    assert!(descend(&root, &root.join("last")).is_err());
}

#[test]
fn a_link_that_leads_out_of_the_tenants_folder_is_not_followed() {
    let (_dir, tenant, beside) = two();
    symlink(beside.join("secret"), tenant.join("out")).unwrap();
    symlink(&beside, tenant.join("folder")).unwrap();
    symlink("file", tenant.join("in")).unwrap();
    let reader = Reader::within(&tenant, &Allowed::default());
    for path in [
        "out",
        "folder/secret",
        "../beside/secret",
        "inner/../../beside/secret",
    ] {
        let said = text(&reader, &tenant.join(path)).unwrap_err();
        assert!(said.contains("outside the folders"), "{path}: {said}");
    }
    assert_eq!(text(&reader, &tenant.join("in")).unwrap(), "mine");
}

#[test]
fn what_the_server_allows_may_be_read_and_its_own_keys_may_not() {
    let (_dir, tenant, beside) = two();
    let key = beside.join("insula.key");
    fs::write(&key, "key").unwrap();
    fs::hard_link(&key, tenant.join("hard")).unwrap();
    symlink(&key, beside.join("soft")).unwrap();
    let allowed = Allowed::new(
        &[beside.clone(), "/nowhere".into()],
        std::slice::from_ref(&key),
    );
    let reader = Reader::within(&tenant, &allowed);
    assert_eq!(text(&reader, &beside.join("secret")).unwrap(), "theirs");
    for path in [key, tenant.join("hard"), beside.join("soft")] {
        let said = text(&reader, &path).unwrap_err();
        assert_eq!(said, "is a file of the server itself");
    }
}

#[test]
fn the_links_of_a_kubernetes_volume_are_followed() {
    let (_dir, tenant, _) = two();
    fs::create_dir(tenant.join("..2026")).unwrap();
    fs::write(tenant.join("..2026/password"), "first").unwrap();
    symlink("..2026", tenant.join("..data")).unwrap();
    symlink("..data/password", tenant.join("password")).unwrap();
    let reader = Reader::within(&tenant, &Allowed::default());
    assert_eq!(text(&reader, &tenant.join("password")).unwrap(), "first");
}

#[test]
fn a_file_is_bounded_by_what_is_read_of_it_and_not_by_what_it_says() {
    let (_dir, tenant, _) = two();
    fs::write(tenant.join("long"), vec![b'x'; 1025]).unwrap();
    fs::write(tenant.join("fits"), vec![b'x'; 1024]).unwrap();
    let reader = Reader::within(&tenant, &Allowed::default());
    let said = text(&reader, &tenant.join("long")).unwrap_err();
    assert_eq!(said, "is longer than 1 KiB");
    assert!(text(&reader, &tenant.join("fits")).is_ok());
    // It says that it has no bytes at all.
    assert_eq!(fs::metadata("/proc/self/maps").unwrap().len(), 0);
    let said = text(&Reader::anywhere(), Path::new("/proc/self/maps")).unwrap_err();
    assert_eq!(said, "is longer than 1 KiB");
}

#[test]
fn a_nested_reader_reads_nothing_beside_its_folder() {
    let (_dir, tenant, _) = two();
    symlink("../file", tenant.join("inner/up")).unwrap();
    let reader = Reader::within(&tenant, &Allowed::default());
    assert_eq!(text(&reader, &tenant.join("inner/up")).unwrap(), "mine");
    let nested = reader.nested(&tenant.join("inner")).unwrap();
    let said = text(&nested, &tenant.join("inner/up")).unwrap_err();
    assert!(said.contains("outside the folders"), "{said}");
    assert!(reader.nested(Path::new("/etc")).is_err());
}

#[test]
fn what_was_read_is_noted_and_what_was_missing_too() {
    let (_dir, tenant, _) = two();
    let look = || {
        let reader = Reader::within(&tenant, &Allowed::default());
        let _ = reader.read(&tenant.join("file"), LIMIT);
        let _ = reader.read(&tenant.join("none"), LIMIT);
        reader.seen().fingerprint()
    };
    let before = look();
    assert_eq!(before, look());
    fs::write(tenant.join("none"), "").unwrap();
    let with = look();
    assert_ne!(before, with);
    fs::write(tenant.join("file"), "other").unwrap();
    assert_ne!(with, look());
}
