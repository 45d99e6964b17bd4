//! Every page people meet, with the data it shows.

mod error;
mod samples;

use serde::Serialize;

pub use error::{ErrorPage, Occasion};

/// A page and what is on it. Element ids and input names are stable: `login`, `password`,
/// `remember_me`, `submit-login`, `approval`, `submit-approve`, `submit-deny`, `submit-logout`,
/// `submit-logout-everywhere`, `everywhere`, `return`, `user_code`, `device`, `submit-device`, `code`,
/// `app`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Page {
    /// How do you want to sign in?
    Chooser(Chooser),
    /// User name and password.
    Password(Password),
    /// May this client have that?
    Consent(Consent),
    /// Which device do you hold?
    DeviceCode(DeviceCode),
    /// Is this your device?
    DeviceConfirm(DeviceConfirm),
    /// What became of a device.
    DeviceAnswered(DeviceAnswered),
    /// Something is in the way.
    Error(ErrorPage),
    /// Do you want to sign out?
    LogoutConfirm(LogoutConfirm),
    /// You are signed out.
    LoggedOut(LoggedOut),
    /// A response on its way to the client by POST.
    FormPost(FormPost),
    /// A code to copy into an app that no redirect can reach.
    OutOfBand(OutOfBand),
    /// The tenant is out of service for a moment.
    Unavailable(Unavailable),
    /// The issuer's own front page.
    Home(Home),
}

/// How do you want to sign in?
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Chooser {
    /// The client the person comes from.
    pub client_name: String,
    /// The ways in, in the operator's order; each is a link.
    pub connectors: Vec<ConnectorChoice>,
    /// The field that asks who is there first, where domains lead to connectors.
    pub identifier: Option<IdentifierForm>,
    /// What the client says the person is called; prefills the identifier.
    pub login_hint: Option<String>,
}

/// One way in.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ConnectorChoice {
    /// The connector's id; the link's element id is `connector-<id>`.
    pub id: String,
    /// Its name as people know it.
    pub name: String,
    /// Its type (`oidc`, `ldap`, `local`, …), which picks the mark.
    pub kind: String,
    /// Where the link leads.
    pub url: String,
    /// True if this browser came in this way last time.
    pub last_used: bool,
    /// Why it cannot be taken now: it is shown, and leads nowhere.
    pub unavailable: Option<Unavailability>,
}

/// Why a way in cannot be taken now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unavailability {
    /// It cannot work with the settings it has.
    Broken,
    /// What stands behind it does not answer.
    Silent,
}

/// The form that asks for an address before a method.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct IdentifierForm {
    /// Where it posts; the field is `login`.
    pub action: String,
    /// Hidden fields that go along.
    pub fields: Vec<(String, String)>,
    /// Why it is shown again.
    pub error: Option<IdentifierError>,
}

/// Why an identifier was not accepted. Never whether somebody exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum IdentifierError {
    /// Not an address at all.
    Malformed,
    /// No way in for this domain.
    Unroutable,
}

/// User name and password.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Password {
    /// The connector that checks it.
    pub connector_id: String,
    /// Its name, shown where there is another way in too.
    pub connector_name: Option<String>,
    /// The client the person comes from.
    pub client_name: String,
    /// What the operator calls the user name; `None` takes the theme's word.
    pub username_label: Option<String>,
    /// What was typed before, or the login hint.
    pub username: String,
    /// True where `username` was given in an earlier step: shown, not asked again.
    pub username_known: bool,
    /// Where the form posts.
    pub action: String,
    /// Hidden fields that go along.
    pub fields: Vec<(String, String)>,
    /// Why it is shown again.
    pub error: Option<PasswordError>,
    /// Seconds until the next try, with [`PasswordError::Throttled`].
    pub retry_after_s: Option<u64>,
    /// The same in minutes, where it is that long.
    pub retry_after_minutes: Option<u64>,
    /// The way to the other methods, or to a new start with [`PasswordError::Expired`].
    pub back: Option<String>,
    /// Where a forgotten password is reset, if it can be.
    pub reset: Option<String>,
    /// The state of "keep me signed in"; `None` does not offer it.
    pub remember_me: Option<bool>,
}

/// Why a password page is shown again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PasswordError {
    /// User or password is wrong; which one is nobody's business.
    Wrong,
    /// Too many tries; wait.
    Throttled,
    /// The sign-in took too long; start again.
    Expired,
}

/// May this client have that?
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Consent {
    /// The client's name.
    pub client_name: String,
    /// The host it will send the person to, shown where the name alone proves nothing.
    pub client_host: Option<String>,
    /// Who is signed in: an address or a name.
    pub user_display: String,
    /// What is asked for.
    pub scopes: Vec<ScopeItem>,
    /// Where the form posts; the buttons are `approval=approve` and `approval=rejected`.
    pub action: String,
    /// Hidden fields that go along.
    pub fields: Vec<(String, String)>,
}

/// A scope on the consent page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ScopeItem {
    /// The scope as requested. Known ones are shown in words.
    pub name: String,
    /// For a cross-client scope (`audience:server:client_id:…`): the other client's name. For a
    /// resource that is asked for by itself: its name.
    pub audience: Option<String>,
    /// What the operator says that it allows, shown as it is.
    pub description: Option<String>,
}

impl ScopeItem {
    /// A scope by its name.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            audience: None,
            description: None,
        }
    }
}

/// Which device do you hold? The field is `user_code`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeviceCode {
    /// What stands in the field: what was typed before, or came with the address.
    pub user_code: String,
    /// Where the form posts.
    pub action: String,
    /// Why it is shown again.
    pub error: Option<DeviceError>,
    /// Minutes until the next try, with [`DeviceError::Throttled`].
    pub retry_after_min: Option<u64>,
    /// Who asks with this code, where it came with the address and no question follows.
    pub asked: Option<DeviceAsked>,
}

/// A device that waits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeviceAsked {
    /// The client's name.
    pub client_name: String,
    /// The address it asked from, where that is known.
    pub asked_from: Option<String>,
    /// How many minutes ago it asked.
    pub minutes_ago: u64,
}

/// Why the code of a device was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceError {
    /// No device shows it.
    Wrong,
    /// Its time is over, or it was used.
    Expired,
    /// Too many tries; wait.
    Throttled,
}

/// Is this your device? The buttons are `device=confirm` and `device=deny`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeviceConfirm {
    /// The client's name.
    pub client_name: String,
    /// The code that the device shows.
    pub user_code: String,
    /// The address it asked from, where that is known.
    pub asked_from: Option<String>,
    /// How many minutes ago it asked.
    pub asked_minutes_ago: u64,
    /// Where the form posts.
    pub action: String,
    /// Hidden fields that go along.
    pub fields: Vec<(String, String)>,
}

/// What became of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeviceAnswered {
    /// The client's name.
    pub client_name: String,
    /// What.
    pub answer: DeviceAnswer,
}

/// What became of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceAnswer {
    /// It goes on by itself.
    Approved,
    /// The person said no.
    Denied,
    /// Its code ended meanwhile.
    Expired,
}

/// Do you want to sign out?
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LogoutConfirm {
    /// The client that asks, if it is known.
    pub client_name: Option<String>,
    /// Who is signed in.
    pub user_display: Option<String>,
    /// Where the form posts.
    pub action: String,
    /// Hidden fields that go along.
    pub fields: Vec<(String, String)>,
    /// In how many other browsers they are; the button that ends those too is `everywhere=yes`.
    pub elsewhere: usize,
    /// Where "stay signed in" leads.
    pub cancel: Option<String>,
}

/// You are signed out.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LoggedOut {
    /// The client the person came from, if it is known.
    pub client_name: Option<String>,
    /// The registered address to go back to.
    pub return_to: Option<String>,
    /// What is loaded in frames to tell clients of it. The page goes on by itself once that is done, or
    /// took too long.
    pub frames: Vec<String>,
}

/// A response on its way to the client by POST
/// ([OAuth 2.0 Form Post Response Mode](https://openid.net/specs/oauth-v2-form-post-response-mode-1_0.html)).
/// A script sends it; without JavaScript the button does.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FormPost {
    /// The client's proven `redirect_uri`.
    pub action: String,
    /// The response parameters.
    pub fields: Vec<(String, String)>,
    /// The client's name, if it is known.
    pub client_name: Option<String>,
}

/// A code to copy into an app that no redirect can reach (`urn:ietf:wg:oauth:2.0:oob`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OutOfBand {
    /// The authorization code.
    pub code: String,
}

/// The tenant is out of service for a moment (503).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Unavailable {
    /// Seconds until it is worth trying again.
    pub retry_after_s: Option<u64>,
}

/// The issuer's own front page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Home {
    /// The issuer identifier.
    pub issuer: String,
    /// Where its metadata is.
    pub discovery_url: String,
    /// Who is signed in in this browser.
    pub signed_in: Option<SignedIn>,
}

/// Who is signed in in a browser, on the front page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SignedIn {
    /// What they are called.
    pub person: String,
    /// Their mail address; empty where it is not known.
    pub email: String,
    /// Whether the way they came in vouches for that address.
    pub email_verified: bool,
    /// The groups they are in.
    pub groups: Vec<String>,
    /// The way they came in.
    pub connector_name: String,
    /// How long ago they came, in whole minutes.
    pub minutes_since: u64,
    /// How long they stay signed in, in whole minutes.
    pub minutes_left: u64,
    /// Whether they stay longer if they use it until then.
    pub longer_if_used: bool,
    /// Where they sign out.
    pub logout_url: String,
}

impl Page {
    /// The template that draws this page.
    pub fn template(&self) -> &'static str {
        match self {
            Self::Chooser(_) => "chooser.html",
            Self::Password(_) => "password.html",
            Self::Consent(_) => "consent.html",
            Self::DeviceCode(_) => "device.html",
            Self::DeviceConfirm(_) => "device_confirm.html",
            Self::DeviceAnswered(_) => "device_answered.html",
            Self::Error(_) => "error.html",
            Self::LogoutConfirm(_) => "logout_confirm.html",
            Self::LoggedOut(_) => "logged_out.html",
            Self::FormPost(_) => "form_post.html",
            Self::OutOfBand(_) => "oob.html",
            Self::Unavailable(_) => "unavailable.html",
            Self::Home(_) => "home.html",
        }
    }

    /// Whether what answers this page's form may send the browser to another origin: to the client,
    /// an upstream, or wherever those lead.
    pub(crate) fn form_leads_away(&self) -> bool {
        match self {
            Self::Password(_)
            | Self::Consent(_)
            | Self::DeviceCode(_)
            | Self::DeviceConfirm(_)
            | Self::LogoutConfirm(_)
            | Self::FormPost(_) => true,
            Self::Chooser(chooser) => chooser.identifier.is_some(),
            Self::Error(_)
            | Self::DeviceAnswered(_)
            | Self::LoggedOut(_)
            | Self::OutOfBand(_)
            | Self::Unavailable(_)
            | Self::Home(_) => false,
        }
    }

    /// Every template a complete theme has.
    pub(crate) const TEMPLATES: [&'static str; 13] = [
        "chooser.html",
        "password.html",
        "consent.html",
        "device.html",
        "device_confirm.html",
        "device_answered.html",
        "error.html",
        "logout_confirm.html",
        "logged_out.html",
        "form_post.html",
        "oob.html",
        "unavailable.html",
        "home.html",
    ];

    /// One page per state worth looking at, with a name for its file: what theme authors preview
    /// and what the tests render.
    pub fn samples() -> Vec<(&'static str, Self)> {
        samples::all()
    }
}

macro_rules! page_from {
    ($($data:ident => $variant:ident),+ $(,)?) => {$(
        impl From<$data> for Page {
            fn from(page: $data) -> Self {
                Self::$variant(page)
            }
        }
    )+};
}

page_from!(
    Chooser => Chooser,
    Password => Password,
    Consent => Consent,
    DeviceCode => DeviceCode,
    DeviceConfirm => DeviceConfirm,
    DeviceAnswered => DeviceAnswered,
    ErrorPage => Error,
    LogoutConfirm => LogoutConfirm,
    LoggedOut => LoggedOut,
    FormPost => FormPost,
    OutOfBand => OutOfBand,
    Unavailable => Unavailable,
    Home => Home,
);
