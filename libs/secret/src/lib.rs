//! One type for whatever may not be seen: passwords, codes, tokens, keys.
//!
//! Owns how a secret is held in memory: wiped when it goes, printed by nothing, compared in constant
//! time, and read by [`reveal`](Secret::reveal) alone. Owns no kinds of secrets: a password and a
//! code are types of the crates that know what they are for, with a [`Secret`] inside.

use std::fmt;

use secrecy::{ExposeSecret as _, ExposeSecretMut as _, SecretBox};
use serde::{Deserialize, Deserializer};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret text (`str`), secret bytes (`[u8]`) or a key (`[u8; N]`).
///
/// It has neither `Display` nor `Serialize`, and `Debug` says that it is a secret and nothing else.
///
/// ```
/// use insula_secret::Secret;
///
/// let password = Secret::new("hunter2");
/// assert_eq!(format!("{password:?}"), "Secret");
/// assert_eq!(password.reveal(), "hunter2");
/// ```
///
/// ```compile_fail
/// println!("{}", insula_secret::Secret::new("hunter2"));
/// ```
pub struct Secret<S: Zeroize + ?Sized>(SecretBox<S>);

impl<S: Zeroize + ?Sized> Secret<S> {
    /// The secret itself: the only way out of the type, to be searched for by its name.
    pub fn reveal(&self) -> &S {
        self.0.expose_secret()
    }
}

impl Secret<str> {
    /// Takes what was typed, sent, made or configured.
    pub fn new(text: impl Into<String>) -> Self {
        let mut text = text.into();
        if text.capacity() == text.len() {
            return Self(text.into());
        }
        // Cutting off what is too long could move the text and leave the old place as it is.
        let exact = Box::from(text.as_str());
        text.zeroize();
        Self(SecretBox::new(exact))
    }
}

impl<const N: usize> Secret<[u8; N]> {
    /// A key whose bytes are written where they will stay.
    pub fn filled_by(fill: impl FnOnce(&mut [u8; N])) -> Self {
        let mut secret = SecretBox::new(Box::new([0; N]));
        fill(secret.expose_secret_mut());
        Self(secret)
    }
}

impl<const N: usize> From<[u8; N]> for Secret<[u8; N]> {
    fn from(mut bytes: [u8; N]) -> Self {
        let secret = Self::filled_by(|secret| secret.copy_from_slice(&bytes));
        bytes.zeroize();
        secret
    }
}

impl From<Vec<u8>> for Secret<[u8]> {
    fn from(mut bytes: Vec<u8>) -> Self {
        if bytes.capacity() == bytes.len() {
            return Self(bytes.into());
        }
        let exact = Box::from(bytes.as_slice());
        bytes.zeroize();
        Self(SecretBox::new(exact))
    }
}

impl<S: Zeroize + ?Sized> From<Box<S>> for Secret<S> {
    fn from(secret: Box<S>) -> Self {
        Self(SecretBox::new(secret))
    }
}

impl Default for Secret<str> {
    fn default() -> Self {
        Self::new(String::new())
    }
}

impl Clone for Secret<str> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl Clone for Secret<[u8]> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<const N: usize> Clone for Secret<[u8; N]> {
    fn clone(&self) -> Self {
        Self::filled_by(|secret| secret.copy_from_slice(self.reveal()))
    }
}

/// In constant time for secrets of one length. The length itself is not secret.
impl<S: Zeroize + AsRef<[u8]> + ?Sized> PartialEq for Secret<S> {
    fn eq(&self, other: &Self) -> bool {
        let (this, other) = (self.reveal().as_ref(), other.reveal().as_ref());
        this.ct_eq(other).into()
    }
}

impl<S: Zeroize + AsRef<[u8]> + ?Sized> Eq for Secret<S> {}

impl<S: Zeroize + ?Sized> fmt::Debug for Secret<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The box inside wipes what it holds.
impl<S: Zeroize + ?Sized> ZeroizeOnDrop for Secret<S> {}

/// Reads a secret from settings. There is no way to write one.
impl<'de> Deserialize<'de> for Secret<str> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use static_assertions::{assert_impl_all, assert_not_impl_any};

    use super::*;

    type Key = Secret<[u8; 32]>;

    assert_impl_all!(Secret<str>: ZeroizeOnDrop, Send, Sync);
    assert_impl_all!(Secret<[u8]>: ZeroizeOnDrop, Send, Sync);
    assert_impl_all!(Key: ZeroizeOnDrop, Send, Sync);
    assert_not_impl_any!(Secret<str>: fmt::Display, serde::Serialize, AsRef<str>, Into<String>);
    assert_not_impl_any!(Secret<str>: std::ops::Deref, std::borrow::Borrow<str>, std::hash::Hash);
    assert_not_impl_any!(Secret<[u8]>: fmt::LowerHex, serde::Serialize, AsRef<[u8]>);
    assert_not_impl_any!(Key: Copy, fmt::LowerHex, serde::Serialize, AsRef<[u8]>);

    #[test]
    fn debug_prints_nothing_of_a_secret() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret");
        assert_eq!(format!("{:#?}", Secret::from(vec![7])), "Secret");
        assert_eq!(format!("{:02x?}", Secret::from([7; 32])), "Secret");
    }

    #[test]
    fn a_secret_is_wiped_when_it_goes() {
        struct Noted(Rc<Cell<bool>>);
        impl Zeroize for Noted {
            fn zeroize(&mut self) {
                self.0.set(true);
            }
        }
        let wiped = Rc::new(Cell::new(false));
        let secret = Secret::from(Box::new(Noted(Rc::clone(&wiped))));
        assert!(!wiped.get());
        drop(secret);
        assert!(wiped.get());
    }

    #[test]
    fn what_went_in_comes_out_and_nothing_else_is_equal_to_it() {
        let mut roomy = String::with_capacity(64);
        roomy.push_str("hunter2");
        assert_eq!(Secret::new(roomy), Secret::new("hunter2"));
        assert_eq!(Secret::new("hunter2").clone().reveal(), "hunter2");
        assert_ne!(Secret::new("hunter2"), Secret::new("hunter3"));
        assert_ne!(Secret::new("hunter2"), Secret::new("hunter22"));
        assert_eq!(Secret::from([7; 32]).clone().reveal(), &[7; 32]);
        assert_ne!(Secret::from([7; 32]), Secret::from([8; 32]));
        let mut roomy = Vec::with_capacity(64);
        roomy.push(7);
        assert_eq!(Secret::from(roomy).clone().reveal(), [7]);
        assert_eq!(Secret::default().reveal(), "");
    }

    #[test]
    fn a_secret_is_read_from_settings() {
        let read: Secret<str> = serde_json::from_str(r#""hunter2""#).unwrap();
        assert_eq!(read.reveal(), "hunter2");
    }
}
