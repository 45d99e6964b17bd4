//! Builders with speaking defaults, fixed keys and fake upstreams, for tests only.
