//! The load program, once around in a few seconds. Its figures mean nothing here.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The server: `INSULA_BIN`, or the one that cargo built beside the load program.
fn server() -> Option<PathBuf> {
    let named = std::env::var_os("INSULA_BIN").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_BIN_EXE_load")).with_file_name("insula");
    named.or(Some(beside)).filter(|server| server.is_file())
}

#[test]
fn the_load_program_measures_a_real_server_and_writes_a_table() {
    let Some(server) = server() else {
        eprintln!("skipped: no server is built; `cargo build -p insula-server` makes one");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("README.md");
    let done = Command::new(env!("CARGO_BIN_EXE_load"))
        .args(["--rounds", "1", "--span-ms", "100", "--connections", "2"])
        .args(["--tenants", "20", "--awake", "2"])
        .arg("--server")
        .arg(server)
        .arg("--out")
        .arg(&table)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    let table = std::fs::read_to_string(table).unwrap();
    for figure in [
        "Resident memory, one tenant",
        "Discovery",
        "JWKS",
        "RS256 token responses for codes",
        "Code-flow logins",
        "Activation of 2 tenants",
    ] {
        assert!(table.contains(figure), "{figure} is missing:\n{table}");
    }
}
