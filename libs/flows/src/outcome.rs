use std::fmt;
use std::time::Duration;

use insula_engine::authorize::{AddressTrouble, ReplyTo};
use insula_model::{BindingCookie, SessionCookie};

/// An answer to the client, on its way through the browser.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizationResponse {
    /// Where, and how.
    pub to: ReplyTo,
    /// `code` and its kin; `state` and `iss` are added by who carries it.
    pub params: Vec<(String, String)>,
}

/// Names only: the values are what the client may do with them.
impl fmt::Debug for AuthorizationResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.params.iter().map(|(name, _)| name).collect();
        f.debug_struct("AuthorizationResponse")
            .field("to", &self.to)
            .field("params", &names)
            .finish()
    }
}

/// What a browser is told next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Go there: an upstream, or a page of ours.
    Redirect {
        /// Absolute, or a route below the issuer beginning with `/`.
        to: String,
        /// Whether a POST becomes a GET (303) or the method stays as it was (302).
        see_other: bool,
    },
    /// Post these fields there.
    PostForm {
        /// An absolute URL.
        to: String,
        /// Hidden fields.
        fields: Vec<(String, String)>,
    },
    /// Take this to the client.
    Respond(AuthorizationResponse),
    /// Show this.
    Show(Screen),
}

impl Outcome {
    /// What there were too many wrong ones of, where somebody is told to wait.
    pub const fn too_many(&self) -> Option<TooMany> {
        match self {
            Self::Show(Screen::Password {
                trouble: Some(PasswordTrouble::Throttled { .. }),
                ..
            }) => Some(TooMany::Passwords),
            Self::Show(Screen::DeviceCode {
                trouble: Some(DeviceTrouble::Throttled { .. }),
                ..
            }) => Some(TooMany::UserCodes),
            _ => None,
        }
    }
}

/// What people type wrong until they must wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooMany {
    /// Passwords.
    Passwords,
    /// Codes of devices.
    UserCodes,
}

/// A way to log in, as the chooser shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorChoice {
    /// The connector.
    pub id: String,
    /// Which connector it is: picks its glyph.
    pub kind: String,
    /// What its button says.
    pub name: String,
    /// Where the button leads: a route below the issuer, with query.
    pub to: String,
    /// Whether somebody came in this way last in this browser.
    pub last_used: bool,
    /// Why it cannot be taken now.
    pub unavailable: Option<Unavailability>,
}

/// Why a way to log in cannot be taken now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailability {
    /// It could not be opened.
    Broken,
    /// Its upstream did not answer.
    Silent,
}

/// The form that asks for a mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressForm {
    /// Where it goes: a route below the issuer.
    pub action: String,
    /// Hidden fields.
    pub fields: Vec<(String, String)>,
    /// What was wrong with what was typed before.
    pub trouble: Option<AddressTrouble>,
}

/// What went wrong with a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordTrouble {
    /// Name or password is wrong.
    Wrong,
    /// Too many wrong ones; wait.
    Throttled {
        /// For how long.
        retry_after: Duration,
    },
}

/// A device that waits to be confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceAsked {
    /// The client that it asked for.
    pub client_name: String,
    /// From where, where that is known.
    pub asked_from: Option<String>,
    /// How many minutes ago.
    pub minutes_ago: u64,
}

/// What was wrong with a user code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceTrouble {
    /// Nobody has it.
    Wrong,
    /// It ended, or was used.
    Expired,
    /// Too many wrong ones; wait.
    Throttled {
        /// For how long.
        retry_after: Duration,
    },
}

/// A scope that a person is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentScope {
    /// Its word.
    pub name: String,
    /// The name of whom tokens are for beside the client: the other client of a cross-client scope,
    /// or a resource that is asked for by itself.
    pub audience: Option<String>,
    /// What the resource of the scope says that it allows.
    pub description: Option<String>,
}

/// A page, in the words of the flow; `web` gives it a face.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Screen {
    /// Choose how to log in.
    Choose {
        /// Who asks.
        client_name: String,
        /// The form above them, where a mail address leads to one.
        address: Option<AddressForm>,
        /// The ways.
        choices: Vec<ConnectorChoice>,
        /// Who is thought to log in: what was typed, or what the client says.
        login_hint: Option<String>,
        /// Languages the client would like.
        ui_locales: Vec<String>,
    },
    /// Type name and password.
    Password {
        /// Who asks.
        client_name: String,
        /// What the first field is called.
        label: String,
        /// What stands in it.
        username: String,
        /// Where the form goes: a route below the issuer, with query.
        action: String,
        /// What was wrong before.
        trouble: Option<PasswordTrouble>,
        /// Whether the session is to outlive the browser, if that is asked.
        remember_me: Option<bool>,
        /// Where "choose another way" leads.
        back: Option<String>,
        /// Languages the client would like.
        ui_locales: Vec<String>,
    },
    /// Allow or deny.
    Consent {
        /// Who asks.
        client_name: String,
        /// The host its answers go to.
        client_host: String,
        /// Who is logged in.
        person: String,
        /// What is asked for, `openid` left out.
        scopes: Vec<ConsentScope>,
        /// Where the form goes: a route below the issuer.
        action: String,
        /// Hidden fields.
        fields: Vec<(String, String)>,
        /// Languages the client would like.
        ui_locales: Vec<String>,
    },
    /// Type the code that a device shows.
    DeviceCode {
        /// What stands in the field.
        user_code: String,
        /// Where the form goes.
        action: String,
        /// What was wrong before.
        trouble: Option<DeviceTrouble>,
        /// Who asks with the code in the field, where the form's address brought one.
        asked: Option<DeviceAsked>,
    },
    /// Is this your device?
    ConfirmDevice {
        /// Who asks.
        client_name: String,
        /// The code that the device shows.
        user_code: String,
        /// From where it asked.
        asked_from: Option<String>,
        /// How many minutes ago.
        asked_minutes_ago: u64,
        /// Where the form goes.
        action: String,
        /// Hidden fields.
        fields: Vec<(String, String)>,
        /// Languages the client would like.
        ui_locales: Vec<String>,
    },
    /// What became of a device.
    DeviceAnswered {
        /// Who asked.
        client_name: String,
        /// Whether the device may go on; `None` where its code ended meanwhile.
        approved: Option<bool>,
    },
    /// Really log out?
    ConfirmLogout {
        /// Who is logged in.
        person: String,
        /// Who asks, if that is known.
        client_name: Option<String>,
        /// In how many other browsers the person is logged in.
        elsewhere: usize,
        /// Where the form goes.
        action: String,
        /// Hidden fields.
        fields: Vec<(String, String)>,
        /// Languages the client would like.
        ui_locales: Vec<String>,
    },
    /// Logged out.
    LoggedOut {
        /// Whose page the person goes on to, if there is one.
        client_name: Option<String>,
        /// Where they go on to.
        return_to: Option<String>,
        /// What the browser loads to tell clients of it.
        frames: Vec<String>,
        /// Languages the client would like.
        ui_locales: Vec<String>,
    },
}

/// A change of the browser's cookies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CookieChange {
    /// Give the browser a binding cookie.
    Bind(BindingCookie),
    /// Have the browser carry a long request, sealed, while its login is under way.
    Carry {
        /// The cookie's value.
        value: String,
        /// How long it lives.
        max_age: Duration,
    },
    /// Have the browser prove that the code of a device was typed in it.
    EnterDevice {
        /// The cookie's value.
        value: String,
        /// How long it lives.
        max_age: Duration,
    },
    /// The login is over, and the browser carries nothing any more.
    Release,
    /// Have the browser be known to a name that logged in with a password.
    KnowDevice {
        /// The cookie's value, sealed.
        value: String,
        /// How long it lives.
        max_age: Duration,
    },
    /// Have the browser remember through which connector somebody came in.
    RememberConnector {
        /// The cookie's value, sealed.
        value: String,
        /// How long it lives.
        max_age: Duration,
    },
    /// Log the browser in.
    LogIn {
        /// The cookie's value.
        cookie: SessionCookie,
        /// How long it lives; `None`: until the browser ends.
        max_age: Option<Duration>,
    },
    /// Log the browser out.
    LogOut,
}

/// One turn of the conversation with a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// What it is told.
    pub outcome: Outcome,
    /// What changes in its cookies.
    pub cookies: Vec<CookieChange>,
    /// What is said beside it in the scheme `Negotiate`.
    pub negotiate: Option<Negotiate>,
}

/// What a browser hears in HTTP's scheme `Negotiate`
/// ([RFC 4559](https://www.rfc-editor.org/rfc/rfc4559)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Negotiate {
    /// Show a ticket, if there is one: the page beside it is for who has none.
    Ask,
    /// The ticket was taken; here is what it is answered with.
    Answer(Vec<u8>),
}

impl Turn {
    /// A turn that changes cookies.
    pub(crate) fn new(outcome: Outcome, cookies: Vec<CookieChange>) -> Self {
        Self {
            outcome,
            cookies,
            negotiate: None,
        }
    }
}

impl From<Outcome> for Turn {
    fn from(outcome: Outcome) -> Self {
        Self::new(outcome, Vec::new())
    }
}
