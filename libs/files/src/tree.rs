use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Reader;
use crate::error::{Cause, FileError};
use crate::seen::Stamp;

/// How much of a folder is read.
#[derive(Debug, Clone, Copy)]
pub struct TreeLimits {
    /// The most files and folders.
    pub files: usize,
    /// The most bytes of one file.
    pub file_bytes: u64,
    /// The most bytes of all files.
    pub total_bytes: u64,
    /// How deep folders may lie in one another.
    pub depth: usize,
}

/// What the pages of one theme may weigh.
pub const THEME_LIMITS: TreeLimits = TreeLimits {
    files: 1000,
    file_bytes: 4 << 20,
    total_bytes: 32 << 20,
    depth: 8,
};

impl Reader {
    /// Every file below a folder, by its path within it with `/` between the names. What hides
    /// behind a dot is passed over. Anything that is no regular file or leads out is an error.
    pub fn tree(
        &self,
        folder: &Path,
        limits: &TreeLimits,
    ) -> Result<BTreeMap<String, Vec<u8>>, FileError> {
        let mut walk = Walk {
            reader: self,
            top: folder,
            limits,
            entries: 0,
            bytes: 0,
            files: BTreeMap::new(),
        };
        walk.folder(folder, "", &mut Vec::new())?;
        Ok(walk.files)
    }
}

struct Walk<'r> {
    reader: &'r Reader,
    top: &'r Path,
    limits: &'r TreeLimits,
    entries: usize,
    bytes: u64,
    files: BTreeMap<String, Vec<u8>>,
}

impl Walk<'_> {
    /// `above` are the folders this one lies in, without links: one that comes again is a circle.
    fn folder(
        &mut self,
        folder: &Path,
        prefix: &str,
        above: &mut Vec<PathBuf>,
    ) -> Result<(), FileError> {
        let stamp = Stamp::of(folder);
        let (_, real) = self.reader.resolve(folder)?;
        if above.len() >= self.limits.depth || above.contains(&real) {
            let cause = Cause::TooDeep(self.limits.depth);
            return Err(FileError::new(folder, cause));
        }
        let names = self.names(folder, &real)?;
        self.reader
            .note_folder(folder, stamp, names.join("/").as_bytes());
        above.push(real);
        for name in names {
            let path = folder.join(&name);
            // A link that leads nowhere, and whatever else is wrong, is told by the reading.
            if fs::metadata(&path).is_ok_and(|found| found.is_dir()) {
                self.folder(&path, &format!("{prefix}{name}/"), above)?;
                continue;
            }
            let content = self.reader.read(&path, self.limits.file_bytes)?;
            self.bytes += content.len() as u64;
            if self.bytes > self.limits.total_bytes {
                return Err(self.too(Cause::TooMuch(self.limits.total_bytes)));
            }
            self.files.insert(format!("{prefix}{name}"), content);
        }
        above.pop();
        Ok(())
    }

    /// The names in a folder, in order; one that is no text names nothing a page could ask for.
    fn names(&mut self, folder: &Path, real: &Path) -> Result<Vec<String>, FileError> {
        let unreadable = |error| FileError::new(folder, Cause::Unreadable(error));
        let mut names = Vec::new();
        for entry in fs::read_dir(real).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            self.entries += 1;
            if self.entries > self.limits.files {
                return Err(self.too(Cause::TooMany(self.limits.files)));
            }
            let Ok(name) = name.into_string() else {
                continue;
            };
            if !name.starts_with('.') {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn too(&self, cause: Cause) -> FileError {
        FileError::new(self.top, cause)
    }
}

#[cfg(test)]
mod tests;
