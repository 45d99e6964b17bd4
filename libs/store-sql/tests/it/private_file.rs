use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use insula_store_sql::{SqlOptions, SqlStore};
use tokio::runtime::Handle;

async fn mode_after_opening(file: &std::path::Path) -> u32 {
    let url = format!("sqlite://{}", file.display());
    let store = SqlStore::connect(&url, &SqlOptions::default(), Handle::current()).await;
    store.unwrap().close().await;
    fs::metadata(file).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_new_sqlite_file_is_its_owners_alone_and_an_old_one_keeps_its_mode() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("insula.db");
    assert_eq!(mode_after_opening(&file).await, 0o600);
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    assert_eq!(mode_after_opening(&file).await, 0o640);
}
