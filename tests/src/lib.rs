//! The harness: processes, relying parties, browsers, upstreams.
