//! One file per use case: load the facts, ask the engine, commit what it decided.
