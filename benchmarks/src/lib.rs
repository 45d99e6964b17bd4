//! Speed and memory, measured as ratios taken in one run.
