use std::fs;

use super::{Folder, ours};
use insula_model::DocumentFormat;

use crate::TenantFiles;

#[test]
fn a_folder_with_a_file_is_a_tenant_of_its_name() {
    let dir = tempfile::tempdir().unwrap();
    for (folder, file) in [
        ("acme", "tenant.yaml"),
        ("globex", "dex.yaml"),
        ("Big Corp", "tenant.yaml"),
        ("both", "tenant.yaml"),
        ("both", "dex.yaml"),
        (".hidden", "tenant.yaml"),
        ("notes", "README.md"),
        ("typo", "tenant.yml"),
    ] {
        fs::create_dir_all(dir.path().join(folder)).unwrap();
        fs::write(dir.path().join(folder).join(file), "").unwrap();
    }
    fs::write(dir.path().join("insula.yaml"), "").unwrap();

    let found = TenantFiles::discover(dir.path());
    let sources: Vec<_> = found
        .sources
        .iter()
        .map(|s| (s.id.as_str(), s.format))
        .collect();
    let wanted = [
        ("acme", DocumentFormat::Native),
        ("both", DocumentFormat::Dex),
        ("globex", DocumentFormat::Dex),
    ];
    assert_eq!(sources, wanted);
    let said: Vec<_> = found.problems.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(said[0].contains("is not a tenant id"), "{said:#?}");
    assert!(said[1].contains("is not read under this name"), "{said:#?}");
}

#[test]
fn a_tenants_file_that_is_no_regular_file_is_not_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("acme/tenant.yaml")).unwrap();
    assert_eq!(TenantFiles::discover(dir.path()).sources.len(), 1);
}

#[test]
fn a_folder_of_tenants_that_is_not_there_is_one_problem() {
    let found = TenantFiles::discover("/nowhere/tenants".as_ref());
    assert_eq!((found.sources.len(), found.problems.len()), (0, 1));
}

#[test]
fn a_tenants_fingerprint_changes_with_its_file_and_its_theme() {
    let folder = ours("");
    let look = |folder: &Folder| folder.load().seen.fingerprint();
    let before = look(&folder);
    assert_eq!(before, look(&folder));
    let folder = folder.file("theme/style.css", "a {}");
    assert_ne!(before, look(&folder));
}
