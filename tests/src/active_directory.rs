use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::{program, service};

/// The domain of Active Directory that the test command starts: `ad.acme.test`, with the people and
/// groups of `tests/active-directory`. A test makes the people it changes.
#[derive(Debug)]
pub struct ActiveDirectory {
    /// Where it listens, on the ports that Active Directory has.
    pub address: String,
    authority: PathBuf,
}

impl ActiveDirectory {
    /// Everybody's password.
    pub const PASSWORD: &'static str = "Secret-Pass-1";

    /// The one that was started; `None` says that the test is to be skipped.
    pub fn find() -> Option<Self> {
        Some(Self {
            address: service("INSULA_TEST_ACTIVE_DIRECTORY")?,
            authority: program("INSULA_TEST_ACTIVE_DIRECTORY_CA")?,
        })
    }

    /// The certificate of the authority that signed its own, in PEM.
    pub fn authority(&self) -> String {
        fs::read_to_string(&self.authority).expect("its certificate can be read")
    }

    /// Makes a person of this name, who is in these groups.
    pub fn make(&self, name: &str, groups: &[&str]) {
        let mail = format!("--mail-address={name}@acme.test");
        let given = format!("--given-name={name}");
        self.tool(&["user", "create", name, Self::PASSWORD, &mail, &given]);
        for group in groups {
            self.join(name, group);
        }
    }

    /// Puts a person into a group.
    pub fn join(&self, name: &str, group: &str) {
        self.tool(&["group", "addmembers", group, name]);
    }

    /// Takes a person out of a group.
    pub fn leave(&self, name: &str, group: &str) {
        self.tool(&["group", "removemembers", group, name]);
    }

    /// Disables a person's account.
    pub fn disable(&self, name: &str) {
        self.tool(&["user", "disable", name]);
    }

    /// Lets the administrator do something, with Samba's own tool.
    fn tool(&self, arguments: &[&str]) {
        let settings = self.authority.with_file_name("smb.conf");
        let mut command = Command::new("samba-tool");
        command
            .args(arguments)
            .arg(format!("--URL=ldap://{}", self.address))
            .arg(format!("--configfile={}", settings.display()))
            .args(["--username=Administrator", "--password=Admin-Secret-1"]);
        let done = command.output().expect("samba-tool runs");
        assert!(done.status.success(), "{arguments:?}: {done:?}");
    }
}
