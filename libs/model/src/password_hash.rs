//! What a stored password hash costs to compute, read from its text alone.

use thiserror::Error;

/// What new hashes cost: 19 MiB, two passes, one lane; the OWASP recommendation for argon2id.
pub const NEW_PASSWORD_HASH: Argon2Cost = Argon2Cost {
    memory_kib: 19_456,
    passes: 2,
    lanes: 1,
};

/// The most work one login may be, in hashes as they are made here. Some 0.9 s of a processor.
const MOST_WORK: u64 = 64;

/// The most memory one login may take.
const MOST_MEMORY_KIB: u32 = 256 * 1024;

const MOST_LANES: u32 = 16;

/// The cost of bcrypt that takes as long as one hash made here, as `benchmarks/benches/hashing.rs`
/// measures it.
const BCRYPT_LIKE_NEW: u32 = 8;

/// Below 4 and above 31 bcrypt is not defined.
const BCRYPT_COSTS: std::ops::RangeInclusive<u32> = 4..=31;

/// The parameters of argon2id (RFC 9106 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argon2Cost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes; computed one after the other here.
    pub lanes: u32,
}

/// The parameters of a stored password hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordHashCost {
    /// bcrypt of this cost: two to its power rounds.
    Bcrypt(u32),
    /// argon2id.
    Argon2id(Argon2Cost),
}

/// Why a stored password hash is not computed. One rule for `insula check` and for the login.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PasswordHashTooCostly {
    /// One login would take too long.
    #[error("takes {0} times the work of a new hash, but at most {MOST_WORK} times is computed")]
    Work(u64),
    /// One login would take too much memory.
    #[error("takes {0} KiB of memory, but at most {MOST_MEMORY_KIB} are given")]
    Memory(u32),
    /// More lanes than are computed.
    #[error("has {0} lanes, but at most {MOST_LANES} are computed")]
    Lanes(u32),
    /// A parameter outside of what its algorithm defines.
    #[error("has parameters that its algorithm does not define")]
    Undefined,
}

impl PasswordHashCost {
    /// How many new hashes could be made in the time this one takes, in hundredths. The ratio of
    /// bcrypt to argon2id was measured; it differs little between machines, so that a file which is
    /// good here is good there.
    pub fn work_in_hundredths(self) -> u64 {
        match self {
            Self::Bcrypt(cost) => (100_u64 << cost.min(50)) >> BCRYPT_LIKE_NEW,
            Self::Argon2id(cost) => cost.block_passes() * 100 / NEW_PASSWORD_HASH.block_passes(),
        }
    }

    /// Whether a login may be made to compute it: a hash is data, and data must not exhaust the
    /// machine.
    pub fn check(self) -> Result<(), PasswordHashTooCostly> {
        match self {
            Self::Bcrypt(cost) if !BCRYPT_COSTS.contains(&cost) => {
                return Err(PasswordHashTooCostly::Undefined);
            }
            Self::Bcrypt(_) => {}
            Self::Argon2id(cost) => cost.check()?,
        }
        let work = self.work_in_hundredths();
        if work > MOST_WORK * 100 {
            return Err(PasswordHashTooCostly::Work(work / 100));
        }
        Ok(())
    }
}

impl Argon2Cost {
    /// How many blocks of memory are filled in all.
    const fn block_passes(self) -> u64 {
        self.memory_kib as u64 * self.passes as u64
    }

    fn check(self) -> Result<(), PasswordHashTooCostly> {
        // RFC 9106 §3.1: at least eight blocks a lane.
        let is_defined =
            self.lanes > 0 && self.passes > 0 && self.memory_kib >= self.lanes.saturating_mul(8);
        if !is_defined {
            return Err(PasswordHashTooCostly::Undefined);
        }
        if self.memory_kib > MOST_MEMORY_KIB {
            return Err(PasswordHashTooCostly::Memory(self.memory_kib));
        }
        if self.lanes > MOST_LANES {
            return Err(PasswordHashTooCostly::Lanes(self.lanes));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn argon2id(memory_kib: u32, passes: u32, lanes: u32) -> PasswordHashCost {
        PasswordHashCost::Argon2id(Argon2Cost {
            memory_kib,
            passes,
            lanes,
        })
    }

    #[test]
    fn a_new_hash_is_one_unit_of_work() {
        let new = PasswordHashCost::Argon2id(NEW_PASSWORD_HASH);
        assert_eq!(new.work_in_hundredths(), 100);
        assert_eq!(argon2id(65_536, 3, 4).work_in_hundredths(), 505);
    }

    #[test]
    fn bcrypt_doubles_with_each_cost() {
        let work = |cost| PasswordHashCost::Bcrypt(cost).work_in_hundredths();
        assert_eq!(work(8), 100);
        assert_eq!(work(10), 400);
        assert_eq!(work(14), 6400);
    }

    #[test]
    fn what_would_exhaust_the_machine_is_not_computed() {
        use PasswordHashTooCostly::{Lanes, Memory, Undefined, Work};
        let rows = [
            (PasswordHashCost::Argon2id(NEW_PASSWORD_HASH), Ok(())),
            (argon2id(262_144, 9, 4), Ok(())),
            (argon2id(262_144, 10, 4), Err(Work(67))),
            (argon2id(262_145, 1, 1), Err(Memory(262_145))),
            (argon2id(19_456, 2, 17), Err(Lanes(17))),
            (argon2id(19_456, 0, 1), Err(Undefined)),
            (argon2id(7, 2, 1), Err(Undefined)),
            (argon2id(19_456, 2, 0), Err(Undefined)),
            (PasswordHashCost::Bcrypt(4), Ok(())),
            (PasswordHashCost::Bcrypt(14), Ok(())),
            (PasswordHashCost::Bcrypt(15), Err(Work(128))),
            (PasswordHashCost::Bcrypt(3), Err(Undefined)),
            (PasswordHashCost::Bcrypt(32), Err(Undefined)),
        ];
        for (cost, expected) in rows {
            assert_eq!(cost.check(), expected, "{cost:?}");
        }
    }
}
