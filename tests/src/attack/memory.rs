use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The memory a process holds now, as the kernel counts it.
pub fn resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 = line
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .and_then(|kib| kib.parse().ok())
        .expect("VmRSS is a number of kB");
    kib * 1024
}

/// Looks at a process's memory many times a second, and remembers the most.
#[derive(Debug)]
pub struct MemoryWatch {
    most: Arc<AtomicU64>,
    /// Dropped to end it.
    going_on: Sender<()>,
    looking: JoinHandle<()>,
}

impl MemoryWatch {
    /// Begins.
    pub fn begin(pid: u32) -> Self {
        let most = Arc::new(AtomicU64::new(resident_bytes(pid)));
        let (going_on, over) = mpsc::channel();
        let looking = {
            let most = Arc::clone(&most);
            let pause = Duration::from_millis(20);
            thread::spawn(move || {
                while over.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                    most.fetch_max(resident_bytes(pid), Ordering::Relaxed);
                }
            })
        };
        Self {
            most,
            going_on,
            looking,
        }
    }

    /// The most it held since then.
    pub fn most(self) -> u64 {
        drop(self.going_on);
        self.looking.join().unwrap();
        self.most.load(Ordering::Relaxed)
    }
}
