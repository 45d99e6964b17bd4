//! Which cores serve and which ask, so that the two do not take time from each other.

use std::num::NonZero;
use std::thread::available_parallelism;

/// The cores of this machine, split in two.
#[derive(Debug, Clone)]
pub(crate) struct Cores {
    /// Where servers run, and raw signatures are made.
    pub(crate) server: Vec<usize>,
    /// Where the load comes from.
    pub(crate) client: Vec<usize>,
}

impl Cores {
    /// Half of the cores there are for each side; both share the only one there is.
    pub(crate) fn split() -> Self {
        let mut server = allowed();
        if server.len() < 2 {
            return Self {
                client: server.clone(),
                server,
            };
        }
        let client = server.split_off(server.len() / 2);
        Self { server, client }
    }
}

/// Runs `work` on these cores alone. Threads and processes it starts stay there.
#[cfg(target_os = "linux")]
pub(crate) fn on<T>(cores: &[usize], work: impl FnOnce() -> T) -> T {
    let before = nix::sched::sched_getaffinity(THIS);
    confine(cores);
    let done = work();
    if let Ok(before) = before {
        // Fails only for cores that are gone; then the thread runs where it can.
        let _ = nix::sched::sched_setaffinity(THIS, &before);
    }
    done
}

/// Confines this thread, and those it starts from now on, to these cores.
#[cfg(target_os = "linux")]
pub(crate) fn confine(cores: &[usize]) {
    let mut set = nix::sched::CpuSet::new();
    for core in cores {
        let _ = set.set(*core);
    }
    let _ = nix::sched::sched_setaffinity(THIS, &set);
}

#[cfg(target_os = "linux")]
const THIS: nix::unistd::Pid = nix::unistd::Pid::from_raw(0);

#[cfg(target_os = "linux")]
fn allowed() -> Vec<usize> {
    let Ok(set) = nix::sched::sched_getaffinity(THIS) else {
        return counted();
    };
    let cores = 0..nix::sched::CpuSet::count();
    cores
        .filter(|core| set.is_set(*core).unwrap_or(false))
        .collect()
}

/// Elsewhere threads run where the system puts them.
#[cfg(not(target_os = "linux"))]
pub(crate) fn on<T>(_cores: &[usize], work: impl FnOnce() -> T) -> T {
    work()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn confine(_cores: &[usize]) {}

#[cfg(not(target_os = "linux"))]
fn allowed() -> Vec<usize> {
    counted()
}

fn counted() -> Vec<usize> {
    let cores = available_parallelism().map_or(1, NonZero::get);
    (0..cores).collect()
}
