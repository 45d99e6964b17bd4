//! Password hashes: which are made, which are understood, and how many are computed at once.

mod pool;
mod stored;
mod threads;
mod turns;

pub use pool::HashingPool;
pub use stored::hash_password;
pub(crate) use stored::nobodys_like;
