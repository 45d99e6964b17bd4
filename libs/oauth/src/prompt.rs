use serde::{Deserialize, Serialize};

/// One value of `prompt` ([OpenID Connect Core §3.1.2.1](https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// Show nothing; answer with an error if something would have to be shown.
    None,
    /// Ask the person to log in again.
    Login,
    /// Ask for consent again.
    Consent,
    /// Let the person choose an account.
    SelectAccount,
}

impl Prompt {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::None, Self::Login, Self::Consent, Self::SelectAccount];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Login => "login",
            Self::Consent => "consent",
            Self::SelectAccount => "select_account",
        }
    }
}

/// The set of values of a `prompt` parameter. `none` never stands beside another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Prompts {
    /// `none`
    pub none: bool,
    /// `login`
    pub login: bool,
    /// `consent`
    pub consent: bool,
    /// `select_account`
    pub select_account: bool,
}

impl Prompts {
    /// Reads words parted by blanks; the error says what is wrong with them.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut set = Self::default();
        for word in text.split_whitespace() {
            match Prompt::ALL.into_iter().find(|p| p.as_str() == word) {
                Some(Prompt::None) => set.none = true,
                Some(Prompt::Login) => set.login = true,
                Some(Prompt::Consent) => set.consent = true,
                Some(Prompt::SelectAccount) => set.select_account = true,
                None => return Err(format!("unknown prompt value {word:?}")),
            }
        }
        if set.none && (set.login || set.consent || set.select_account) {
            return Err("prompt none cannot be combined with another value".to_owned());
        }
        Ok(set)
    }
}

#[cfg(test)]
mod tests {
    use super::Prompts;

    #[test]
    fn none_stands_alone() {
        assert!(Prompts::parse("none").unwrap().none);
        assert!(Prompts::parse("none login").is_err());
        assert!(Prompts::parse("create").is_err());
        let both = Prompts::parse("login consent").unwrap();
        assert!(both.login && both.consent && !both.none);
    }
}
