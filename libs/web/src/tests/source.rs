use std::path::Path;

/// Where a status is written: the table and what a person and a client see of it, the pages, and the operator's listener. The front door has
/// four plain answers of its own, for requests without a tenant.
const WRITERS: [&str; 5] = [
    "respond.rs",
    "person.rs",
    "client.rs",
    "page.rs",
    "telemetry.rs",
];
const AT_THE_DOOR: [&str; 3] = ["BadRequest", "NotFound", "ServiceUnavailable"];

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() && name != "tests" {
            sources(&path, found);
        } else if path.is_file() {
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The words that follow `opening`, wherever it stands.
fn words_after<'a>(text: &'a str, opening: &str) -> Vec<&'a str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.split(opening)
        .skip(1)
        .map(|rest| rest.split(|c| !is_word(c)).next().unwrap_or_default())
        .collect()
}

#[test]
fn no_endpoint_writes_the_status_of_an_error() {
    let mut found = Vec::new();
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    sources(&here, &mut found);
    assert!(found.len() > 10);
    for (name, text) in found {
        if WRITERS.contains(&name.as_str()) {
            continue;
        }
        let mut made = words_after(&text, "HttpResponse::");
        if name == "front_door.rs" {
            for plain in AT_THE_DOOR {
                assert_eq!(made.iter().filter(|m| **m == plain).count(), 1, "{plain}");
            }
            made.retain(|m| !AT_THE_DOOR.contains(m));
        }
        for word in made {
            assert!(
                matches!(word, "Ok" | "NoContent" | "NotModified"),
                "{name}: {word}"
            );
        }
        for word in words_after(&text, "StatusCode::") {
            let is_compared = name == "front_door.rs" && word == "METHOD_NOT_ALLOWED";
            assert!(word == "OK" || is_compared, "{name}: {word}");
        }
    }
}
