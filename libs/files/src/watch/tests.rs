use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;

use super::*;
use crate::seen::Stamp;
use crate::{Allowed, Reader};

fn read(path: &Path) -> Seen {
    let reader = Reader::within(path.parent().unwrap(), &Allowed::default());
    let _ = reader.read(path, 1024);
    reader.seen()
}

#[test]
fn a_link_that_leads_to_a_file_of_the_same_length_and_time_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let mut times = Vec::new();
    for name in ["one", "two"] {
        fs::write(path(name), name).unwrap();
        let file = File::options().write(true).open(path(name)).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH)
            .unwrap();
        let found = file.metadata().unwrap();
        times.push((found.modified().unwrap(), found.len()));
    }
    assert_eq!(times[0], times[1]);
    symlink("one", path("secret")).unwrap();
    let now = Instant::now();
    let watch = Watch::new(&read(&path("secret")), now);
    assert_eq!(watch.look(now), Look::Same);
    symlink("two", path("next")).unwrap();
    fs::rename(path("next"), path("secret")).unwrap();
    assert_eq!(watch.look(now), Look::Changed);
    assert_ne!(watch.fingerprint(), read(&path("secret")).fingerprint());
}

#[test]
fn a_write_that_puts_the_old_time_back_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    fs::write(&secret, "one").unwrap();
    let before = fs::metadata(&secret).unwrap();
    let now = Instant::now();
    let watch = Watch::new(&read(&secret), now);
    // Until the clock of the file system has moved on, however coarse it is.
    let mut moved = false;
    while !moved {
        fs::write(&secret, "two").unwrap();
        let file = File::options().write(true).open(&secret).unwrap();
        file.set_modified(before.modified().unwrap()).unwrap();
        moved = Stamp::of(&secret) != Some(Stamp::from(&before));
    }
    let after = fs::metadata(&secret).unwrap();
    assert_eq!(after.modified().unwrap(), before.modified().unwrap());
    assert_eq!(watch.look(now), Look::Changed);
}

#[test]
fn what_was_read_is_read_once_more_when_the_tick_it_was_written_in_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    fs::write(&secret, "one").unwrap();
    let start = Instant::now();
    let mut watch = Watch::new(&read(&secret), start);
    let soon = start + COARSEST_TICK / 2;
    let later = start + COARSEST_TICK;
    assert_eq!(watch.look(soon), Look::Same);
    watch.renew(&read(&secret), soon);
    assert_eq!(
        watch.look(later),
        Look::Unsettled,
        "a second reading in the tick proves nothing"
    );
    watch.renew(&read(&secret), later);
    assert_eq!(watch.look(later), Look::Same);
    fs::write(&secret, "another").unwrap();
    assert_eq!(watch.look(later), Look::Changed);
    watch.renew(&read(&secret), later);
    assert_eq!(watch.look(later), Look::Same);
    assert_eq!(watch.look(later + COARSEST_TICK), Look::Unsettled);
}

#[test]
fn a_file_that_comes_or_goes_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    let now = Instant::now();
    let watch = Watch::new(&read(&secret), now);
    assert_eq!(watch.look(now), Look::Same);
    fs::write(&secret, "one").unwrap();
    assert_eq!(watch.look(now), Look::Changed);
    let watch = Watch::new(&read(&secret), now);
    fs::remove_file(&secret).unwrap();
    assert_eq!(watch.look(now), Look::Changed);
}
