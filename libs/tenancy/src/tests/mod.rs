//! Whole tenancies: real actors on real threads, memory stores, and files that are values. Nothing
//! sleeps: a test looks until it sees what it waits for, within a bound.

mod clients;
mod facts;
mod hangs;
mod keys;
mod last_good;
mod life;
mod logouts;
mod restarts;
mod scale;
mod world;
