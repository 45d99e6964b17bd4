//! Time and randomness, the two things a pure function must be handed.
