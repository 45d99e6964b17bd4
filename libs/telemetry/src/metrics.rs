use std::env::consts::{ARCH, OS};

use prometheus::{IntGauge, Opts, Registry, TextEncoder};
use tracing::error;

/// The media type of [`metrics_text`].
pub const METRICS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Build {
    /// The release, as `version` prints it.
    pub version: &'static str,
    /// The commit it was built from; empty where it is not known.
    pub revision: &'static str,
}

/// Registers `insula_build_info` and, on Linux, the process's own metrics (`process_*`: CPU time,
/// memory, open files, start time).
pub fn register_process(registry: &Registry, build: &Build) -> prometheus::Result<()> {
    let info = Opts::new(
        "insula_build_info",
        "Always 1; the labels say what was built.",
    )
    .const_label("version", build.version)
    .const_label("revision", build.revision)
    .const_label("platform", format!("{OS}/{ARCH}"));
    let info = IntGauge::with_opts(info)?;
    info.set(1);
    registry.register(Box::new(info))?;
    #[cfg(target_os = "linux")]
    registry.register(Box::new(
        prometheus::process_collector::ProcessCollector::for_self(),
    ))?;
    Ok(())
}

/// All that is registered, in the text form of Prometheus.
///
/// A family that cannot be written is left out and told in the log; the others are served.
pub fn metrics_text(registry: &Registry) -> String {
    let mut text = String::new();
    for family in registry.gather() {
        let written = text.len();
        let families = std::slice::from_ref(&family);
        if let Err(cause) = TextEncoder::new().encode_utf8(families, &mut text) {
            text.truncate(written);
            let name = family.name();
            error!(metric.name = name, error.message = %cause, "metric {name} cannot be written");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus::IntCounterVec;

    const BUILD: Build = Build {
        version: "1.2.3",
        revision: "abc",
    };

    #[test]
    fn the_text_holds_what_was_registered_and_the_process_itself() {
        let registry = Registry::new();
        register_process(&registry, &BUILD).unwrap();
        let opts = Opts::new("insula_logins_total", "Logins.");
        let logins = IntCounterVec::new(opts, &["tenant"]).unwrap();
        registry.register(Box::new(logins.clone())).unwrap();
        logins.with_label_values(&["a\"b\\c\nd"]).inc();
        let text = metrics_text(&registry);
        assert!(text.contains("# TYPE insula_build_info gauge\n"), "{text}");
        let build = text.lines().find(|l| l.starts_with("insula_build_info{"));
        let build = build.unwrap();
        assert!(build.contains("version=\"1.2.3\""), "{build}");
        assert!(build.contains("revision=\"abc\"") && build.ends_with(" 1"));
        assert!(text.contains(r#"insula_logins_total{tenant="a\"b\\c\nd"} 1"#));
        if cfg!(target_os = "linux") {
            assert!(text.contains("process_open_fds "), "{text}");
        }
    }

    #[test]
    fn the_process_is_registered_once() {
        let registry = Registry::new();
        register_process(&registry, &BUILD).unwrap();
        assert!(register_process(&registry, &BUILD).is_err());
    }
}
