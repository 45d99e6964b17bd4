use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// What files said at one moment; equal as long as they say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

/// Hashes the content of files, folders with all that is in them. What is not there counts as such,
/// so that its coming is a change.
pub fn fingerprint(paths: &[PathBuf]) -> Fingerprint {
    let mut hash = Sha256::new();
    for path in paths {
        add(path, 0, &mut hash);
    }
    Fingerprint(hash.finalize().into())
}

fn add(path: &Path, depth: usize, hash: &mut Sha256) {
    const MAX_DEPTH: usize = 8;
    let name = path.as_os_str().as_encoded_bytes();
    hash.update(name.len().to_le_bytes());
    hash.update(name);
    if let Ok(content) = fs::read(path) {
        hash.update(b"file");
        hash.update(content.len().to_le_bytes());
        hash.update(content);
        return;
    }
    let Ok(entries) = fs::read_dir(path) else {
        hash.update(b"none");
        return;
    };
    hash.update(b"folder");
    if depth == MAX_DEPTH {
        return;
    }
    let mut inside: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    inside.sort();
    for path in inside {
        add(&path, depth + 1, hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_changes_with_the_content_and_with_what_comes_and_goes() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tenant.yaml");
        let theme = dir.path().join("theme");
        let look = || fingerprint(&[file.clone(), theme.clone()]);

        let nothing = look();
        fs::write(&file, "a").unwrap();
        let one = look();
        assert_ne!(nothing, one);
        fs::write(&file, "b").unwrap();
        assert_ne!(one, look());
        fs::write(&file, "a").unwrap();
        assert_eq!(one, look());
        fs::create_dir(&theme).unwrap();
        fs::write(theme.join("logo.svg"), "x").unwrap();
        assert_ne!(one, look());
    }
}
