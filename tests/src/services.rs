use std::env;
use std::path::PathBuf;

/// The address of a service that a test needs, such as `INSULA_TEST_POSTGRES`. `None` says that the
/// test is to be skipped; with `INSULA_REQUIRE_SERVICES=1` there is no such answer.
pub fn service(variable: &str) -> Option<String> {
    match env::var_os(variable) {
        Some(value) if !value.is_empty() => Some(value.into_string().expect("it is UTF-8")),
        _ if is_required() => {
            panic!("{variable} is not set; `cargo xtask test` sets it and starts what it names")
        }
        _ => {
            eprintln!("SKIPPED: {variable} is not set; `cargo xtask test` runs this test");
            None
        }
    }
}

/// The same for a program or a folder.
pub fn program(variable: &str) -> Option<PathBuf> {
    service(variable).map(PathBuf::from)
}

fn is_required() -> bool {
    env::var_os("INSULA_REQUIRE_SERVICES").is_some_and(|value| value == "1")
}

/// The server under test: `INSULA_BIN`, or the one that cargo built beside this test.
pub fn insula() -> PathBuf {
    built("INSULA_BIN", "insula")
}

/// The example client: `INSULA_EXAMPLE_CLIENT_BIN`, or the one that cargo built beside this test.
pub fn example_client() -> PathBuf {
    built("INSULA_EXAMPLE_CLIENT_BIN", "insula-example-client")
}

fn built(variable: &str, name: &str) -> PathBuf {
    if let Some(path) = env::var_os(variable) {
        return path.into();
    }
    // target/debug/deps/it-… stands beside target/debug/insula
    let here = env::current_exe().expect("a test has a path");
    let beside = here.parent().and_then(|deps| deps.parent());
    let path = beside.expect("tests are in target/…/deps").join(name);
    assert!(
        path.is_file(),
        "{} is not there; build it with `cargo build --workspace --bins`, or name one with {variable}",
        path.display()
    );
    path
}
