//! Keys, key ring, rotation plan, JWT and JWKS: a face over biscuit and aws-lc-rs.
