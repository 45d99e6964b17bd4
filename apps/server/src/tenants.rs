//! `insula tenants` and `insula tenant`: how the tenants of the running process are, and reviving one.

use std::path::Path;
use std::time::Duration;

use insula_config::ServerConfig;
use insula_model::TenantId;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

use crate::exit::Exit;
use crate::{serve, wiring};

/// Reviving waits for nothing; a list of very many tenants takes its time.
const PATIENCE: Duration = Duration::from_mins(1);

/// What is asked of the running process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Question {
    All,
    /// How many are awake, and may be.
    Awake,
    Status(String),
    Revive(String),
}

/// Asks the process that serves under this configuration, and prints its answer.
pub(crate) fn run(config: &ServerConfig, question: &Question, as_json: bool) -> Result<(), Exit> {
    wiring::install_crypto();
    let io = serve::io_runtime()?;
    let asked = io.block_on(ask(config.admin_socket.as_deref(), question));
    let answer = asked.map_err(|(exit, told)| {
        eprintln!("{told}");
        exit
    })?;
    if *question == Question::All
        && let Ok(awake) = io.block_on(ask(config.admin_socket.as_deref(), &Question::Awake))
    {
        eprintln!("{}", summary(&awake));
    }
    let tenants = match answer {
        Value::Array(tenants) => tenants,
        one => vec![one],
    };
    if as_json && *question == Question::All {
        println!("{}", Value::Array(tenants));
    } else if as_json {
        for tenant in &tenants {
            println!("{tenant}");
        }
    } else if *question == Question::All {
        print!("{}", table(&tenants));
    } else {
        for tenant in &tenants {
            print!("{}", details(tenant));
        }
    }
    Ok(())
}

async fn ask(socket: Option<&Path>, question: &Question) -> Result<Value, (Exit, String)> {
    let off = "adminSocket is empty: the process takes no commands";
    let socket = socket.ok_or_else(|| (Exit::Config, off.to_owned()))?;
    let (method, path) = match question {
        Question::All => (Method::GET, "/tenants".to_owned()),
        Question::Awake => (Method::GET, "/awake".to_owned()),
        Question::Status(name) => (Method::GET, format!("/tenants/{}", checked(name)?)),
        Question::Revive(name) => (Method::POST, format!("/tenants/{}/revive", checked(name)?)),
    };
    let silent = |error: reqwest::Error| {
        let place = socket.display();
        let told = format!(
            "no process answers at {place}: {error}; is `insula serve` running with this \
             configuration, and as this user?"
        );
        (Exit::Unavailable, told)
    };
    let client = Client::builder().unix_socket(socket).timeout(PATIENCE);
    let client = client.build().map_err(silent)?;
    let sent = client
        .request(method, format!("http://insula{path}"))
        .send();
    let answer = sent.await.map_err(silent)?;
    match (answer.status(), question) {
        (StatusCode::OK, _) => answer.json().await.map_err(silent),
        (StatusCode::NOT_FOUND, Question::Status(name) | Question::Revive(name)) => {
            Err(no_tenant(name))
        }
        (status, _) => Err((Exit::Failed, format!("the process answered {status}"))),
    }
}

/// The name as it can stand in a path.
fn checked(name: &str) -> Result<TenantId, (Exit, String)> {
    TenantId::parse(name).map_err(|_| no_tenant(name))
}

fn no_tenant(name: &str) -> (Exit, String) {
    let told = format!("there is no tenant {name}; `insula tenants` lists all");
    (Exit::Failed, told)
}

fn text(tenant: &Value, key: &str) -> String {
    match tenant.get(key) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.lines().collect::<Vec<_>>().join("; "),
        Some(other) => other.to_string(),
    }
}

/// Beside the list, which programs read.
fn summary(awake: &Value) -> String {
    let (now, most) = (text(awake, "awake"), text(awake, "most"));
    format!(
        "{now} of at most {most} tenants are awake ({})",
        text(awake, "because")
    )
}

const COLUMNS: [(&str, &str); 7] = [
    ("TENANT", "id"),
    ("PHASE", "phase"),
    ("GENERATION", "generation"),
    ("EPOCH", "epoch"),
    ("FAILURES", "restarts"),
    ("ISSUER", "issuer"),
    ("NEXT STEP", "next_step"),
];

fn table(tenants: &[Value]) -> String {
    let mut rows = vec![COLUMNS.map(|(title, _)| title.to_owned())];
    rows.extend(
        tenants
            .iter()
            .map(|tenant| COLUMNS.map(|(_, key)| text(tenant, key))),
    );
    let mut widths = [0; COLUMNS.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut table = String::new();
    for row in rows {
        let cells = row.iter().zip(widths);
        let cells: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        table.push_str(cells.join("  ").trim_end());
        table.push('\n');
    }
    table
}

fn details(tenant: &Value) -> String {
    let of = |list: &str, line: fn(&Value) -> String| {
        let entries = tenant.get(list).and_then(Value::as_array);
        let lines = entries.into_iter().flatten().map(line);
        lines.collect::<Vec<_>>().join("; ")
    };
    let keys = of("keys", |key| {
        format!("{} {}", text(key, "alg"), text(key, "kid"))
    });
    let connectors = of("connectors", |connector| {
        let problem = text(connector, "problem");
        let problem = if problem == "-" { "open" } else { &problem };
        let again = match connector.get("retry_in_s").and_then(Value::as_u64) {
            Some(seconds) => format!(" (offered again in {seconds} s)"),
            None => String::new(),
        };
        format!("{}: {problem}{again}", text(connector, "id"))
    });
    let remembered = tenant.get("remembered").and_then(Value::as_object);
    let remembered = remembered.into_iter().flatten().map(|(kind, rows)| {
        let count = |key| text(rows, key);
        format!(
            "{kind}: {} rows in {} bytes, {} hits, {} misses, {} evicted",
            count("entries"),
            count("bytes"),
            count("hits"),
            count("misses"),
            count("evicted")
        )
    });
    let remembered = remembered.collect::<Vec<_>>().join("; ");
    let named = [
        ("tenant", text(tenant, "id")),
        ("phase", text(tenant, "phase")),
        ("served", text(tenant, "is_served")),
        ("issuer", text(tenant, "issuer")),
        ("dialect", text(tenant, "dialect")),
        ("configuration", text(tenant, "fingerprint")),
        ("generation", text(tenant, "generation")),
        ("epoch", text(tenant, "epoch")),
        ("failures", text(tenant, "restarts")),
        ("on last good", text(tenant, "on_last_good")),
        ("last error", text(tenant, "last_error")),
        ("page problem", text(tenant, "page_problem")),
        ("keys", keys),
        ("connectors", connectors),
        ("remembered", remembered),
        ("next step", text(tenant, "next_step")),
    ];
    let lines =
        named.map(|(name, value)| format!("{name:14} {value}").trim_end().to_owned() + "\n");
    lines.concat()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_has_a_row_a_tenant_and_aligned_columns() {
        let tenants = [
            json!({"id": "acme", "phase": "serving", "generation": 1, "epoch": 2, "restarts": 0,
                "issuer": "https://acme.test", "next_step": "nothing to do"}),
            json!({"id": "globex-with-a-long-name", "phase": "asleep", "generation": 0, "epoch": 0,
                "restarts": 0, "issuer": null, "next_step": "the next request wakes it"}),
        ];
        let table = table(&tenants);
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines.len(), 3);
        let phase = lines[0].find("PHASE").unwrap();
        assert_eq!(lines[1].find("serving"), Some(phase));
        assert_eq!(lines[2].find("asleep"), Some(phase));
    }

    #[test]
    fn details_tell_errors_of_several_lines_in_one() {
        let tenant = json!({"id": "acme", "phase": "quarantined", "last_error": "one\ntwo",
            "connectors": [{"id": "ldap", "problem": "it is broken"}, {"id": "own", "problem": null},
                {"id": "idp", "problem": "it is silent", "retry_in_s": 9}],
            "remembered": {"sessions": {"hits": 7, "misses": 3, "evicted": 0, "entries": 2, "bytes": 900}}});
        let details = details(&tenant);
        let remembered =
            "remembered     sessions: 2 rows in 900 bytes, 7 hits, 3 misses, 0 evicted\n";
        assert!(details.contains(remembered), "{details}");
        assert!(details.contains("last error     one; two\n"), "{details}");
        assert!(
            details.contains(
                "ldap: it is broken; own: open; idp: it is silent (offered again in 9 s)"
            ),
            "{details}"
        );
    }
}
