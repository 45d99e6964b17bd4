//! How many tenants may be awake at once: as many as fit into the memory that is meant for them.

use std::fs;
use std::path::Path;

use insula_config::AwakeLimits;

/// What an awake tenant is taken to need. `benchmarks/README.md` has what one was measured to need.
const EACH: u64 = 16 * 1024;
/// Awake tenants are given one part in so many of the memory of the process: the rest is for the tenants
/// that sleep, for logins under way and for requests.
const PARTS: u64 = 2;
/// How many may be awake where the system does not tell how much memory there is.
const UNKNOWN: usize = 16_384;

/// The limit, and what it follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AwakeLimit {
    pub(crate) tenants: usize,
    pub(crate) because: String,
}

/// The memory a process is given, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Given {
    bytes: u64,
    by: &'static str,
}

impl AwakeLimit {
    /// The limit of this process, on this machine.
    pub(crate) fn of(limits: AwakeLimits) -> Self {
        Self::derived(limits, || given(Path::new("/")))
    }

    fn derived(limits: AwakeLimits, given: impl FnOnce() -> Option<Given>) -> Self {
        if let Some(tenants) = limits.max_awake {
            return Self {
                tenants: usize::try_from(tenants).unwrap_or(usize::MAX),
                because: "limits.maxAwake".to_owned(),
            };
        }
        let (memory, from) = match (limits.memory, given()) {
            (Some(memory), _) => (memory, "limits.memory".to_owned()),
            (None, Some(Given { bytes, by })) => {
                let of = mebibytes(bytes);
                (bytes / PARTS, format!("half of the {of} MiB {by}"))
            }
            (None, None) => {
                let because =
                    "the system does not tell how much memory there is; limits.memory does";
                return Self {
                    tenants: UNKNOWN,
                    because: because.to_owned(),
                };
            }
        };
        let tenants = usize::try_from(memory / EACH).unwrap_or(usize::MAX).max(1);
        let (memory, each) = (mebibytes(memory), EACH / 1024);
        Self {
            tenants,
            because: format!("{memory} MiB at {each} KiB a tenant: {from}"),
        }
    }
}

fn mebibytes(bytes: u64) -> u64 {
    bytes / (1024 * 1024)
}

/// The memory of the machine, or what the control group of the process is held to, whichever is less.
fn given(root: &Path) -> Option<Given> {
    let of_machine = total(&fs::read_to_string(root.join("proc/meminfo")).ok()?)?;
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let of_group = of_group(&root.join("sys/fs/cgroup"), &groups);
    Some(match of_group.filter(|bytes| *bytes < of_machine) {
        Some(bytes) => Given {
            bytes,
            by: "that the control group allows",
        },
        None => Given {
            bytes: of_machine,
            by: "of the machine",
        },
    })
}

/// `MemTotal` of `/proc/meminfo`.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}

/// The least that the group of the process or a group around it is held to (cgroup v2). Inside a
/// container the groups around it are not shown; its own is the root of what is.
fn of_group(mounted: &Path, groups: &str) -> Option<u64> {
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let own = mounted.join(own);
    let around = own.ancestors().take_while(|path| path.starts_with(mounted));
    let held_to = |path: &Path| -> Option<u64> {
        let text = fs::read_to_string(path.join("memory.max")).ok()?;
        text.trim().parse().ok()
    };
    around.filter_map(held_to).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn limits(memory: Option<u64>, max_awake: Option<u32>) -> AwakeLimits {
        AwakeLimits { memory, max_awake }
    }

    #[test]
    fn as_many_tenants_may_be_awake_as_fit_into_the_memory_unless_a_number_is_written() {
        let machine = Some(Given {
            bytes: 1024 * MIB,
            by: "of the machine",
        });
        for (limits, given, tenants, because) in [
            (
                limits(Some(512 * MIB), Some(7)),
                machine,
                7,
                "limits.maxAwake",
            ),
            (
                limits(Some(512 * MIB), None),
                machine,
                32_768,
                "limits.memory",
            ),
            (
                limits(None, None),
                machine,
                32_768,
                "half of the 1024 MiB of the machine",
            ),
            (limits(None, None), None, UNKNOWN, "does not tell"),
        ] {
            let limit = AwakeLimit::derived(limits, || given);
            assert_eq!(limit.tenants, tenants, "{limit:?}");
            assert!(limit.because.contains(because), "{limit:?}");
        }
    }

    #[test]
    fn a_process_is_given_what_its_control_group_allows_where_that_is_less_than_the_machine_has() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert_eq!(given(folder.path()), None, "the system tells nothing");
        write(
            "proc/meminfo",
            "MemTotal:        2097152 kB\nMemFree: 1 kB\n",
        );
        let is_given = || given(folder.path()).unwrap().bytes / MIB;
        assert_eq!(is_given(), 2048, "there are no groups");
        write("proc/self/cgroup", "0::/kubepods/pod1/app\n");
        write("sys/fs/cgroup/kubepods/pod1/app/memory.max", "max\n");
        assert_eq!(is_given(), 2048, "its group is held to nothing");
        write("sys/fs/cgroup/kubepods/pod1/memory.max", "536870912\n");
        assert_eq!(is_given(), 512, "the group around it is");
        write("proc/self/cgroup", "12:cpu:/x\n0::/\n");
        write("sys/fs/cgroup/memory.max", "268435456\n");
        assert_eq!(is_given(), 256, "as a container sees it");
        write("sys/fs/cgroup/memory.max", "4294967296\n");
        assert_eq!(is_given(), 2048, "the machine has less");
    }
}
