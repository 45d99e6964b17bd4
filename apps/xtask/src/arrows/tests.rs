use super::*;

const PLAN: &str = r#"
for_tests = ["testkit"]
[crates]
model = { floor = 1, uses = [] }
engine = { floor = 2, uses = ["model"] }
testkit = { floor = 2, uses = ["model"] }
[behind]
redis = ["model"]
"#;

fn plan(text: &str) -> Plan {
    toml::from_str(text).unwrap()
}

/// A workspace from `crate: dependency dependency` lines; `~name` is a dependency of tests.
fn workspace(lines: &[&str]) -> Workspace {
    let packages: Vec<_> = lines
        .iter()
        .map(|line| {
            let (name, dependencies) = line.split_once(':').unwrap();
            let dependencies: Vec<_> = dependencies
                .split_whitespace()
                .map(|word| match word.strip_prefix('~') {
                    Some(name) => serde_json::json!({ "name": name, "kind": "dev" }),
                    None => serde_json::json!({ "name": word, "kind": null }),
                })
                .collect();
            serde_json::json!({ "name": name, "dependencies": dependencies })
        })
        .collect();
    Workspace::read(&serde_json::json!({ "packages": packages }).to_string()).unwrap()
}

fn told(plan_text: &str, lines: &[&str]) -> Vec<String> {
    compare(&plan(plan_text), &workspace(lines))
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn a_workspace_built_as_planned_has_no_faults() {
    let lines = [
        "insula-model: serde redis",
        "insula-engine: insula-model serde ~insula-testkit",
        "insula-testkit: insula-model",
    ];
    assert_eq!(told(PLAN, &lines), Vec::<String>::new());
}

#[test]
fn an_arrow_that_nobody_planned_is_named() {
    let lines = [
        "insula-model: insula-engine",
        "insula-engine: insula-model",
        "insula-testkit:",
    ];
    let faults = told(PLAN, &lines);
    assert_eq!(faults.len(), 1);
    assert!(
        faults[0].starts_with("model → engine is not in the plan"),
        "{faults:?}"
    );
}

#[test]
fn code_may_not_use_what_is_made_for_tests() {
    let lines = [
        "insula-model:",
        "insula-engine: insula-testkit",
        "insula-testkit:",
    ];
    assert!(told(PLAN, &lines)[0].starts_with("engine → testkit"));
}

#[test]
fn tests_may_use_only_what_is_planned_or_made_for_tests() {
    let lines = [
        "insula-model: ~insula-engine",
        "insula-engine:",
        "insula-testkit:",
    ];
    assert_eq!(
        told(PLAN, &lines),
        ["the tests of model → engine is not in the plan"]
    );
}

#[test]
fn a_heavy_package_stays_behind_its_crate_even_in_tests() {
    let lines = ["insula-model:", "insula-engine: ~redis", "insula-testkit:"];
    assert_eq!(
        told(PLAN, &lines),
        ["engine uses redis, which belongs behind model"]
    );
}

#[test]
fn a_crate_without_a_floor_and_a_floor_without_a_crate_are_both_told() {
    let lines = ["insula-model:", "insula-engine:", "insula-attic:"];
    let faults = told(PLAN, &lines);
    assert!(
        faults[0].contains("describes testkit, which is no crate"),
        "{faults:?}"
    );
    assert!(
        faults[1].starts_with("attic is not in the plan"),
        "{faults:?}"
    );
}

#[test]
fn a_plan_that_could_close_a_circle_is_refused() {
    let circle = r#"
for_tests = []
[crates]
flows = { floor = 4, uses = ["store"] }
store = { floor = 3, uses = ["flows"] }
[behind]
"#;
    let lines = ["insula-flows: insula-store", "insula-store: insula-flows"];
    let faults = told(circle, &lines);
    assert_eq!(faults.len(), 1);
    assert!(
        faults[0].starts_with("store → flows is allowed by the plan but"),
        "{faults:?}"
    );
}

#[test]
fn a_plan_that_names_an_unknown_room_is_refused() {
    let text = "for_tests = []\n[crates]\nweb = { floor = 6, uses = [\"cellar\"] }\n[behind]\n";
    assert!(told(text, &["insula-web:"])[0].contains("cellar, which it does not describe"));
}

#[test]
fn the_plan_of_this_repository_points_only_downwards() {
    let text = include_str!("../../../../docs/arrows.toml");
    assert_eq!(faults_of_the_plan(&plan(text)), Vec::new());
}

/// What is told of dependencies of a crate whose sources hold this.
fn told_of_sources(plan_text: &str, line: &str, source: &str) -> Vec<String> {
    let workspace = workspace(&[line]);
    let words = unused::words_of(source).map(str::to_owned).collect();
    let faults = unused::faults_of_a_crate(&plan(plan_text), &workspace, "engine", &words);
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn a_dependency_that_no_source_names_is_told() {
    let line = "insula-engine: insula-model arc-swap ~proptest";
    let source = "use insula_model::A;\n// arc_swap\nmod tests { use proptest::prelude::*; }\n";
    let told = told_of_sources(PLAN, line, source);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("engine depends on arc-swap, which none of its sources names"));
    assert_eq!(
        told_of_sources(PLAN, line, &format!("{source}use arc_swap::ArcSwap;")),
        Vec::<String>::new()
    );
}

#[test]
fn an_exception_for_a_dependency_must_be_needed() {
    let text = format!("{PLAN}[named_nowhere]\nengine = [\"arc-swap\"]\n");
    let line = "insula-engine: arc-swap";
    assert_eq!(told_of_sources(&text, line, ""), Vec::<String>::new());
    let told = told_of_sources(&text, line, "use arc_swap::ArcSwap;");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("remove the exception"), "{told:?}");
}

/// What is told of lines of the workspace whose crates are written like this.
fn told_of_lines(workspace: &str, crates: &[&str]) -> Vec<String> {
    let tables = crates.iter().map(|text| toml::from_str(text).unwrap());
    let tables: Vec<toml::Table> = tables.collect();
    let faults = inherited::faults(&toml::from_str(workspace).unwrap(), &tables);
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn a_line_of_the_workspace_that_no_crate_takes_is_told() {
    let workspace = "[workspace.dependencies]\nserde = \"1\"\nurl = { version = \"2\" }\n\
                     nix = \"0.31\"\ninsta = \"1\"\ncc = \"1\"\nurl-too = \"2\"\n";
    let one = "[dependencies]\nserde.workspace = true\n[dev-dependencies]\n\
               insta = { workspace = true, features = [\"json\"] }\n";
    let other = "[target.'cfg(unix)'.dependencies]\nnix.workspace = true\n\
                 [build-dependencies]\ncc.workspace = true\n[dependencies]\nurl = \"2\"\n";
    let told = told_of_lines(workspace, &[one, other]);
    assert_eq!(told.len(), 2, "{told:?}");
    for (told, package) in told.iter().zip(["url,", "url-too,"]) {
        let line =
            format!("[workspace.dependencies] has a line for {package} which no crate takes");
        assert!(told.starts_with(&line), "{told}");
    }
    let whole = "[dependencies]\nurl.workspace = true\nurl-too.workspace = true\n";
    assert_eq!(told_of_lines(workspace, &[one, other, whole]), [""; 0]);
    assert_eq!(told_of_lines("[workspace]\n", &[one]), [""; 0]);
}
