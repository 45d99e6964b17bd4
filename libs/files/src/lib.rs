//! Files that others wrote, read so that none of them can harm the process.
//!
//! Owns which files may be read for whom: regular ones, judged on the opened handle, bounded by the
//! bytes really read, within the folders that are allowed; and how a change of any of them is
//! noticed. Owns no meaning of what they say and no clock.

mod allowed;
mod error;
mod reader;
mod seen;
mod tree;
mod watch;

pub use allowed::Allowed;
pub use error::{Cause, FileError};
pub use reader::Reader;
pub use seen::{Fingerprint, Seen};
pub use tree::{THEME_LIMITS, TreeLimits};
pub use watch::{Look, Watch};
