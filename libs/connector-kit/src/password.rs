use async_trait::async_trait;
use insula_model::{Password, PasswordRecord};

use crate::ConnectorError;

/// What a password check found.
#[derive(Clone, PartialEq, Eq)]
pub enum PasswordVerdict {
    /// It is the password. `upgrade` is a better hash of it, if the stored one is out of date.
    Right {
        /// A PHC string to be stored in place of the old one.
        upgrade: Option<String>,
    },
    /// It is not.
    Wrong,
}

/// Computes password hashes on a bounded pool, of which each tenant has a fair share.
#[async_trait]
pub trait PasswordCheck: Send + Sync + 'static {
    /// Whether `password` is what `hash` was made of. `None` for nobody: takes as long, and is wrong.
    async fn check(
        &self,
        password: Password,
        hash: Option<String>,
    ) -> Result<PasswordVerdict, ConnectorError>;
}

/// Whom a typed login name leads to.
pub enum LoginName {
    /// A person, with the hash that is current.
    Of(PasswordRecord),
    /// Nobody. Here is the hash of somebody else, if there is anybody: what is computed for nobody
    /// must cost what it would cost for a person of this tenant. The same name is always told the
    /// same person's.
    Nobodys {
        /// Whose cost to copy; never to be checked against.
        like: Option<String>,
    },
}

/// The people of a tenant's password DB.
#[async_trait]
pub trait PasswordBook: Send + Sync + 'static {
    /// A person by lower-cased login name, with the hash that is current.
    async fn find(&self, email: &str) -> Result<Option<PasswordRecord>, ConnectorError>;

    /// Whom a lower-cased login name leads to, found in the same time for nobody as for somebody.
    async fn look_up(&self, email: &str) -> Result<LoginName, ConnectorError>;

    /// Keeps a better hash for a person. `was` is the record the hash was checked against.
    async fn upgrade(&self, was: &PasswordRecord, hash: String) -> Result<(), ConnectorError>;
}
