//! What every [`Durable`](crate::Durable) must do.
