//! One folder per upstream, and the registry that names them.
