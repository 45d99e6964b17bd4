use insula_config::HostCertificate;
use std::fs;
use std::os::unix::fs::symlink;
use tempfile::TempDir;

use super::*;

/// A certificate and its key in files named after it, written over whatever is there.
fn issue(folder: &Path, name: &str, host: &str) -> (PathBuf, PathBuf) {
    let made = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
    let (cert, key) = (
        folder.join(format!("{name}.pem")),
        folder.join(format!("{name}.key")),
    );
    fs::write(&cert, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (cert, key)
}

/// `fallback.test` for all, `a.test` and `*.b.test` with certificates of their own.
fn three() -> (TempDir, Tls) {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = issue(folder.path(), "fallback", "fallback.test");
    let of = |name: &str, host: &str| {
        let (cert, key) = issue(folder.path(), name, host);
        HostCertificate {
            hosts: vec![host.to_owned()],
            cert,
            key,
        }
    };
    let certificates = vec![of("a", "A.test"), of("b", "*.b.test")];
    let tls = Tls {
        cert: Some(cert),
        key: Some(key),
        certificates,
    };
    (folder, tls)
}

fn chosen(certificates: &Certificates, name: Option<&str>) -> Option<Vec<u8>> {
    let key = certificates.current.load().of(name)?;
    Some(key.cert[0].to_vec())
}

fn in_file(path: &Path) -> Vec<u8> {
    CertificateDer::from_pem_file(path).unwrap().to_vec()
}

#[test]
fn the_exact_name_comes_before_the_wildcard_and_both_before_the_rest() {
    let (folder, tls) = three();
    let certificates = Certificates::load(&tls).unwrap();
    for (name, file) in [
        (Some("a.test"), "a.pem"),
        (Some("A.TEST"), "a.pem"),
        (Some("x.b.test"), "b.pem"),
        (Some("b.test"), "fallback.pem"),
        (Some("x.y.b.test"), "fallback.pem"),
        (Some("elsewhere.test"), "fallback.pem"),
        (None, "fallback.pem"),
    ] {
        let expected = Some(in_file(&folder.path().join(file)));
        assert_eq!(chosen(&certificates, name), expected, "{name:?}");
    }
}

#[test]
fn without_a_certificate_for_all_a_stranger_gets_none() {
    let (_folder, tls) = three();
    let tls = Tls {
        cert: None,
        key: None,
        ..tls
    };
    let certificates = Certificates::load(&tls).unwrap();
    assert_eq!(chosen(&certificates, Some("elsewhere.test")), None);
    assert!(chosen(&certificates, Some("a.test")).is_some());
}

#[test]
fn a_changed_file_is_loaded_and_an_unchanged_one_is_not_looked_into() {
    let (folder, tls) = three();
    let certificates = Certificates::load(&tls).unwrap();
    let before = chosen(&certificates, Some("a.test"));
    let (cert, _) = issue(folder.path(), "a", "a.test");
    certificates.reload(false);
    let after = chosen(&certificates, Some("a.test"));
    assert_ne!(after, before);
    assert_eq!(after, Some(in_file(&cert)));
}

#[test]
fn certificates_behind_a_link_that_moves_are_loaded_whatever_their_length_and_time() {
    let (folder, tls) = three();
    let path = |name: &str| folder.path().join(name);
    for name in ["first", "second"] {
        fs::create_dir(path(name)).unwrap();
        issue(&path(name), "tls", "links.test");
        for file in ["tls.pem", "tls.key"] {
            let file = fs::File::options().append(true).open(path(name).join(file));
            file.unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        }
    }
    symlink("first", path("..data")).unwrap();
    let tls = Tls {
        cert: Some(path("..data/tls.pem")),
        key: Some(path("..data/tls.key")),
        ..tls
    };
    let certificates = Certificates::load(&tls).unwrap();
    let before = chosen(&certificates, None);
    certificates.reload(false);
    assert_eq!(chosen(&certificates, None), before);
    symlink("second", path("next")).unwrap();
    fs::rename(path("next"), path("..data")).unwrap();
    certificates.reload(false);
    let after = chosen(&certificates, None);
    assert_ne!(after, before);
    assert_eq!(after, Some(in_file(&path("second/tls.pem"))));
}

#[test]
fn certificates_that_look_unchanged_are_read_again_now_and_then() {
    let (folder, tls) = three();
    let certificates = Certificates::load(&tls).unwrap();
    let (cert, _) = issue(folder.path(), "a", "a.test");
    // As if the file system told nothing of that.
    let (_, seen) = read(&tls);
    let mut watched = certificates.watched.lock().unwrap();
    let start = watched.read_at;
    watched.watch = Watch::new(&seen, start);
    watched.watch.renew(&read(&tls).1, start + BELIEVED_FOR);
    let before = chosen(&certificates, Some("a.test"));
    drop(watched);
    certificates.reload_at(false, start + BELIEVED_FOR / 2);
    assert_eq!(chosen(&certificates, Some("a.test")), before);
    certificates.watched.lock().unwrap().watch = Watch::new(&Seen::default(), start);
    certificates.reload_at(false, start + BELIEVED_FOR);
    assert_eq!(chosen(&certificates, Some("a.test")), Some(in_file(&cert)));
}

#[test]
fn a_bad_file_keeps_the_old_certificates_and_is_told_once() {
    let (folder, tls) = three();
    let certificates = Certificates::load(&tls).unwrap();
    let before = chosen(&certificates, Some("a.test"));
    let cert = folder.path().join("a.pem");
    fs::write(&cert, "-----BEGIN CERTIFICATE-----\nrubbish").unwrap();
    certificates.reload(false);
    assert_eq!(chosen(&certificates, Some("a.test")), before);
    let watched = certificates.watched.lock().unwrap();
    assert_eq!(watched.watch.look(watched.read_at), Look::Same);
    drop(watched);
    certificates.reload(true);
    assert_eq!(chosen(&certificates, Some("a.test")), before);
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_name() {
    let (folder, tls) = three();
    let complaint = || format!("{:#}", Certificates::load(&tls).unwrap_err());
    let path = |name: &str| folder.path().join(name);
    issue(folder.path(), "other", "other.test");

    fs::copy(path("other.key"), path("a.key")).unwrap();
    let said = complaint();
    assert!(said.contains("a.pem does not belong to key"), "{said}");

    fs::write(path("a.key"), "no key").unwrap();
    let said = complaint();
    assert!(
        said.contains("private key") && said.contains("a.key"),
        "{said}"
    );
    assert!(!said.contains("no key"), "{said}");

    fs::write(path("a.pem"), "").unwrap();
    let said = complaint();
    assert!(said.contains("a.pem holds no certificate"), "{said}");

    fs::remove_file(path("a.pem")).unwrap();
    let said = complaint();
    assert!(said.contains("a.pem"), "{said}");
}
