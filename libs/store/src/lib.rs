//! What persistence must offer, its memory form and the conformance suites every form passes.
