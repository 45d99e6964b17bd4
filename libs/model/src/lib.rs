//! Insula's records: typed ids, secrets and state machines, without I/O.
