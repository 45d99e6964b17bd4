//! What a client wants done when its people log out.

use insula_model::registration::{
    Objection, to_backchannel_logout_uri, to_frontchannel_logout_uri,
};
use insula_model::{ClientLogout, Dialect, RefreshTokenLifetime};

use super::values;
use crate::reading::{Reading, Spot};
use crate::section::Section;

/// What was written, and where.
pub(super) struct Written {
    pub(super) client: ClientLogout,
    is_public: bool,
    backchannel: Option<Spot<String>>,
    frontchannel: Option<Spot<String>>,
}

/// Reads the keys. dex has two of them.
pub(super) fn read(
    section: &mut Section<'_>,
    is_public: bool,
    reading: &mut Reading<'_>,
) -> Written {
    let text = |section: &mut Section<'_>, key, reading: &mut Reading<'_>| {
        let written = section.text(key, reading);
        written.filter(|text| !text.value.is_empty())
    };
    let backchannel = text(section, "backchannelLogoutURI", reading);
    let lifetime = text(section, "refreshTokenLifetime", reading);
    let mut client = ClientLogout {
        backchannel_logout_uri: backchannel.as_ref().map(|uri| uri.value.clone()),
        refresh_token_lifetime: lifetime.map_or_else(Default::default, |word| of(&word, reading)),
        ..ClientLogout::default()
    };
    let mut frontchannel = None;
    if reading.lenient {
        told_without_sessions(backchannel.as_ref(), reading);
    } else {
        let required = section.flag("backchannelLogoutSessionRequired", reading);
        client.backchannel_logout_session_required = required.unwrap_or(true);
        frontchannel = text(section, "frontchannelLogoutURI", reading);
        client.frontchannel_logout_uri = frontchannel.as_ref().map(|uri| uri.value.clone());
        let required = section.flag("frontchannelLogoutSessionRequired", reading);
        client.frontchannel_logout_session_required = required.unwrap_or(true);
    }
    Written {
        client,
        is_public,
        backchannel,
        frontchannel,
    }
}

fn of(word: &Spot<String>, reading: &mut Reading<'_>) -> RefreshTokenLifetime {
    match word.value.as_str() {
        "standalone" => RefreshTokenLifetime::Standalone,
        "session" => RefreshTokenLifetime::Session,
        _ => {
            let cause = format!("{} is neither standalone nor session", word.shown);
            reading.error(word.at, &word.key, cause, "write standalone or session");
            RefreshTokenLifetime::default()
        }
    }
}

/// dex without sessions has no logout that could be told.
fn told_without_sessions(uri: Option<&Spot<String>>, reading: &mut Reading<'_>) {
    if let Some(uri) = uri
        && !reading.env_flag("DEX_SESSIONS_ENABLED", false)
    {
        let cause = "has no effect without sessions (DEX_SESSIONS_ENABLED=true)";
        reading.warn(uri.at, &uri.key, cause, "");
    }
}

impl Written {
    /// Says what may not be registered.
    pub(super) fn object(
        &self,
        redirect_uris: &[Spot<String>],
        dialect: Dialect,
        reading: &mut Reading<'_>,
    ) {
        for uri in self.backchannel.iter().chain(&self.frontchannel) {
            if reading.object_to_odd_address(uri) {
                return;
            }
        }
        if dialect == Dialect::Dex {
            return;
        }
        let say = |uri: &Spot<String>, objection: Option<Objection>, reading: &mut Reading<'_>| {
            if let Some(Objection { cause, next_step }) = objection {
                let cause = format!("{} {cause}", uri.shown);
                reading.error(uri.at, &uri.key, cause, next_step);
            }
        };
        if let Some(uri) = &self.backchannel {
            let objection = to_backchannel_logout_uri(&uri.value, self.is_public);
            say(uri, objection, reading);
        }
        if let Some(uri) = &self.frontchannel {
            let registered = values(redirect_uris);
            let objection = to_frontchannel_logout_uri(&uri.value, &registered);
            say(uri, objection, reading);
        }
    }
}
