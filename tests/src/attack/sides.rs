//! Who runs on which processors, so that a figure says what the server did and not how busy its
//! clients were.

use std::future::Future;
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use crate::{Deployment, Process};

/// Where attackers run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// On the server's processors.
    Same,
    /// On other processors than the server's, those of who measures, and behind it.
    Other,
}

impl Side {
    /// Those that can be told apart on this machine.
    pub(super) fn all() -> Vec<Self> {
        let mut all = vec![Self::Same];
        if system::processors().len() >= 2 {
            all.push(Self::Other);
        }
        all
    }

    /// Starts a server; on the first half of the processors, with this program on the others, where
    /// attackers are to be apart.
    ///
    /// Called from the thread that the runtime was started with, and while nothing else is measured:
    /// it moves every thread of this program.
    pub(super) async fn open(self, deployment: &Deployment) -> (Process, Stay) {
        let all = system::processors();
        let stay = Stay(all.clone());
        if self == Self::Same || all.len() < 2 {
            return (deployment.open().await, stay);
        }
        let (server, clients) = all.split_at(all.len() / 2);
        system::move_this_thread(server);
        let process = deployment.open().await;
        system::move_every_thread(clients);
        (process, stay)
    }

    /// How a table names it.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Same => "attackers on the server's processors",
            Self::Other => "attackers on another processor than the server",
        }
    }
}

/// Moves this program back to all processors when it drops.
#[derive(Debug)]
pub(super) struct Stay(Vec<usize>);

impl Drop for Stay {
    fn drop(&mut self) {
        system::move_every_thread(&self.0);
    }
}

/// Attackers with a thread and a runtime of their own: who measures does not wait for them.
#[derive(Debug)]
pub(super) struct Attackers {
    over: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Attackers {
    /// Begins what `attack` makes, on the processors that this program has now.
    pub(super) fn begin<F>(side: Side, attack: impl FnOnce() -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()>,
    {
        let (over, end) = oneshot::channel();
        let thread = thread::spawn(move || {
            if side == Side::Other {
                // They share processors with who measures, and are not what is measured.
                system::give_way();
            }
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let attack = attack();
                tokio::select! {
                    _ = end => {}
                    () = attack => {}
                }
            });
        });
        Self { over, thread }
    }

    /// Ends them, whatever they are doing. Panics if one of them did.
    pub(super) async fn end(self) {
        let _ = self.over.send(());
        let thread = self.thread;
        let ended = tokio::task::spawn_blocking(move || thread.join()).await;
        ended.unwrap().expect("the attack is carried out");
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs;

    use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
    use nix::unistd::Pid;

    const THIS: Pid = Pid::from_raw(0);

    /// Those this thread may run on.
    pub(super) fn processors() -> Vec<usize> {
        let set = sched_getaffinity(THIS).unwrap();
        let all = 0..CpuSet::count();
        all.filter(|one| set.is_set(*one).unwrap()).collect()
    }

    /// Moves this thread, and what it starts from now on.
    pub(super) fn move_this_thread(to: &[usize]) {
        sched_setaffinity(THIS, &set(to)).unwrap();
    }

    pub(super) fn move_every_thread(to: &[usize]) {
        let set = set(to);
        for task in fs::read_dir("/proc/self/task").unwrap() {
            let name = task.unwrap().file_name();
            let id = name.to_str().and_then(|id| id.parse().ok()).unwrap();
            // One may have ended meanwhile.
            let _ = sched_setaffinity(Pid::from_raw(id), &set);
        }
    }

    pub(super) fn give_way() {
        rustix::process::nice(19).unwrap();
    }

    fn set(processors: &[usize]) -> CpuSet {
        let mut set = CpuSet::new();
        for one in processors {
            set.set(*one).unwrap();
        }
        set
    }
}

/// Elsewhere threads run where the system puts them.
#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn processors() -> Vec<usize> {
        Vec::new()
    }

    pub(super) fn move_this_thread(_to: &[usize]) {}

    pub(super) fn move_every_thread(_to: &[usize]) {}

    pub(super) fn give_way() {}
}
