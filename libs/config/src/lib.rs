//! Files and environment in, typed settings and tenant specs out.
