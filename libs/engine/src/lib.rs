//! The protocol rules: given a request, the facts and the time, what may happen next.
