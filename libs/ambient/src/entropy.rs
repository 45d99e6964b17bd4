use std::sync::{Mutex, PoisonError};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use uuid::Builder;

use crate::base32_lower;

/// A source of unguessable bytes.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes` with randomness fit for secrets.
    fn fill(&self, bytes: &mut [u8]);

    /// A random lower-case word: one letter, then `n` random bytes in base32 without padding.
    ///
    /// The form of dex's ids and opaque values (safe in URLs, forms, file names and host labels).
    /// Fifteen bytes make 25 characters, twenty make 33.
    fn word(&self, n: usize) -> String {
        let mut bytes = vec![0_u8; n + 1];
        self.fill(&mut bytes);
        let (first, rest) = bytes.split_first().unwrap_or((&0, &[]));
        let mut word = String::with_capacity(1 + n.div_ceil(5) * 8);
        word.push(char::from(b'a' + first % 26));
        word.push_str(&base32_lower(rest));
        word
    }

    /// A random UUID of version 4 (RFC 9562 §5.4), in its usual text form.
    fn uuid(&self) -> String {
        let mut b = [0_u8; 16];
        self.fill(&mut b);
        Builder::from_random_bytes(b).into_uuid().to_string()
    }
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::expect_used,
        reason = "a system without randomness must not issue a secret"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system provides randomness");
    }
}

/// The same bytes for the same seed, so that a test can name what it will see.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<ChaCha20Rng>);

impl SeededEntropy {
    /// A generator that repeats itself for equal seeds.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(ChaCha20Rng::seed_from_u64(seed)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fill_bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_fifteen_bytes_has_the_form_of_a_dex_id() {
        let word = SeededEntropy::new(1).word(15);
        assert_eq!(word.len(), 25);
        assert!(
            word.chars()
                .all(|c| c.is_ascii_lowercase() || ('2'..='7').contains(&c))
        );
        assert!(word.starts_with(|c: char| c.is_ascii_lowercase()));
    }

    #[test]
    fn equal_seeds_repeat_and_different_seeds_differ() {
        assert_eq!(
            SeededEntropy::new(7).word(20),
            SeededEntropy::new(7).word(20)
        );
        assert_ne!(
            SeededEntropy::new(7).word(20),
            SeededEntropy::new(8).word(20)
        );
    }

    #[test]
    fn a_uuid_carries_its_version_and_variant() {
        let id = SeededEntropy::new(3).uuid();
        assert_eq!(id.len(), 36);
        assert_eq!(id.as_bytes()[14], b'4');
        assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
    }
}
