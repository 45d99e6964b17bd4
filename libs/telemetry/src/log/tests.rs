use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tracing::{debug, error, info, info_span, trace, warn};
use tracing_subscriber::fmt::format::Writer;

use super::*;

/// The end of the pipe.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Paper {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

struct Noon;

impl FormatTime for Noon {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        writer.write_str("2026-11-21T12:00:00.000000Z")
    }
}

fn written(format: LogFormat, level: &str, exclude: &[&str], tell: impl FnOnce()) -> String {
    let settings = LogSettings {
        format,
        level: level.into(),
        exclude: exclude.iter().map(ToString::to_string).collect(),
    };
    let paper = Paper::default();
    let subscriber = subscriber(&settings, Noon, paper.clone(), false).unwrap();
    tracing::subscriber::with_default(subscriber, tell);
    paper.text()
}

fn one_json(exclude: &[&str], tell: impl FnOnce()) -> Value {
    let text = written(LogFormat::Json, "info", exclude, tell);
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_json_record_is_one_flat_object_with_dotted_names() {
    let record = one_json(&[], || {
        info!(tenant.id = %"acme", duration_ms = 12, ok = true, "tenant acme is up");
    });
    let expected = json!({
        "timestamp": "2026-11-21T12:00:00.000000Z",
        "level": "INFO",
        "target": "insula_telemetry::log::tests",
        "message": "tenant acme is up",
        "tenant.id": "acme",
        "duration_ms": 12,
        "ok": true,
    });
    assert_eq!(record, expected);
}

#[test]
fn a_record_carries_the_fields_of_its_spans_the_inner_winning() {
    let record = one_json(&[], || {
        let outer = info_span!("request", request.id = "r1", step = "outer", later = 0);
        let _outer = outer.enter();
        let inner = info_span!("login", step = "inner", empty = tracing::field::Empty);
        let _inner = inner.enter();
        outer.record("later", 7);
        warn!(step = "event", "slow");
    });
    assert_eq!(record["request.id"], "r1");
    assert_eq!(record["step"], "event");
    assert_eq!(record["later"], 7);
    assert_eq!(record.get("empty"), None);
}

#[test]
fn excluded_fields_are_in_no_record_of_either_format() {
    let tell = || {
        let span = info_span!("request", user.email = "jane@acme.test", request.id = "r1");
        let _span = span.enter();
        info!(
            email = "jane@acme.test",
            email.old = 3,
            tenant.id = "acme",
            "said"
        );
    };
    for format in [LogFormat::Json, LogFormat::Pretty] {
        let text = written(format, "info", &["email"], tell);
        assert!(!text.contains("email") && !text.contains("jane"), "{text}");
        assert!(text.contains("acme") && text.contains("r1"), "{text}");
    }
}

#[test]
fn the_message_cannot_be_excluded() {
    let record = one_json(&["message"], || info!("still here"));
    assert_eq!(record["message"], "still here");
}

#[test]
fn a_pretty_record_is_one_line_whatever_a_stranger_put_into_it() {
    let text = written(LogFormat::Pretty, "info", &[], || {
        let path = "/a b\n2026 ERROR forged\x1b[2J";
        error!(http.path = path, n = 1, word = "plain", "refused {path}");
    });
    let expected = "2026-11-21T12:00:00.000000Z ERROR insula_telemetry::log::tests: \
                    refused /a b\\n2026 ERROR forged\\u{1b}[2J \
                    http.path=\"/a b\\n2026 ERROR forged\\u{1b}[2J\" n=1 word=plain\n";
    assert_eq!(text, expected);
}

#[test]
fn a_field_cannot_pose_as_a_part_of_the_record() {
    let record = one_json(&[], || info!(level = "ERROR", target = "other", "said"));
    assert_eq!(record["level"], "INFO");
    assert_eq!(record["target"], "insula_telemetry::log::tests");
}

#[test]
fn an_error_is_told_with_its_causes() {
    #[derive(Debug, Error)]
    #[error("the cache is gone")]
    struct Outer(#[source] io::Error);

    let record = one_json(&[], || {
        let outer = Outer(io::Error::other("connection refused"));
        let outer: &(dyn std::error::Error + 'static) = &outer;
        error!(error = outer, "said");
    });
    assert_eq!(record["error"], "the cache is gone: connection refused");
}

#[test]
fn levels_can_differ_by_target() {
    let text = written(LogFormat::Pretty, "warn,insula=debug", &[], || {
        info!(target: "sqlx", "quiet");
        debug!(target: "insula::flows", "heard");
        trace!(target: "insula::flows", "too fine");
        warn!(target: "sqlx", "loud");
    });
    let heard: Vec<&str> = text.lines().filter_map(|l| l.split(": ").nth(1)).collect();
    assert_eq!(heard, ["heard", "loud"]);
}

#[test]
fn a_level_that_means_nothing_is_an_error_that_says_what_to_write() {
    let settings = LogSettings {
        level: "insula=loud".into(),
        ..LogSettings::default()
    };
    let refused = subscriber(&settings, Noon, Paper::default(), false);
    let said = refused.err().unwrap().to_string();
    assert!(
        said.contains("insula=loud") && said.contains("debug"),
        "{said}"
    );
}

#[test]
fn logging_is_set_up_once() {
    let settings = LogSettings {
        level: "off".into(),
        ..LogSettings::default()
    };
    init_tracing(&settings).unwrap();
    assert!(matches!(init_tracing(&settings), Err(LogError::Twice)));
}
