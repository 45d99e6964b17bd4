use std::io::Write as _;

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::LogFormat;
use super::fields::{Collector, Excluded, Fields};
use super::line::{Line, json, pretty};

/// Writes each record as one line, with the fields of the spans it happened in.
pub(super) struct Lines<T, W> {
    pub(super) format: LogFormat,
    pub(super) excluded: Excluded,
    pub(super) time: T,
    pub(super) writer: W,
    pub(super) colours: bool,
}

impl<T, W> Lines<T, W> {
    fn collector<'a>(&'a self, fields: &'a mut Fields) -> Collector<'a> {
        Collector {
            excluded: &self.excluded,
            fields,
        }
    }
}

impl<S, T, W> Layer<S> for Lines<T, W>
where
    S: Subscriber + for<'l> LookupSpan<'l>,
    T: FormatTime + 'static,
    W: for<'w> MakeWriter<'w> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut self.collector(&mut fields));
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else {
            return;
        };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(&mut self.collector(fields));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut self.collector(&mut fields));
        let message = fields.take("message");
        // Records of the older `log` interface carry their origin in fields.
        let origin = fields.take("log.target");
        fields.retain(|name| !name.starts_with("log."));
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(outer) = span.extensions().get::<Fields>() {
                fields.inherit(outer);
            }
        }
        let mut time = String::new();
        let _ = self.time.format_time(&mut Writer::new(&mut time));
        let metadata = event.metadata();
        let line = Line {
            time: &time,
            level: *metadata.level(),
            target: origin
                .as_ref()
                .and_then(|o| o.as_str())
                .unwrap_or(metadata.target()),
            message: message
                .as_ref()
                .and_then(|m| m.as_str())
                .unwrap_or(metadata.name()),
            fields: &fields,
        };
        let line = match self.format {
            LogFormat::Pretty => pretty(&line, self.colours),
            LogFormat::Json => json(&line),
        };
        // In one piece, so that lines of different threads do not mix. There is nobody left to
        // tell when this fails.
        let _ = self
            .writer
            .make_writer_for(metadata)
            .write_all(line.as_bytes());
    }
}
