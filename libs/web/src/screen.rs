//! What a flow says, given a face.

use actix_web::HttpResponse;
use insula_engine::authorize::AddressTrouble;
use insula_flows::{
    self as flows, AddressForm, ConsentScope, DeviceTrouble, Outcome, PasswordTrouble, Screen, Turn,
};
use insula_theming::{
    Chooser, ConnectorChoice, Consent, DeviceAnswer, DeviceAnswered, DeviceAsked, DeviceCode,
    DeviceConfirm, DeviceError, FormPost, IdentifierError, IdentifierForm, LoggedOut,
    LogoutConfirm, Page, Password, PasswordError, ScopeItem, Unavailability,
};
use tracing::error;

use crate::context::Context;
use crate::{browser, respond};

/// Carries one turn of the conversation to the browser.
pub(crate) fn carry(ctx: &Context, turn: Turn) -> HttpResponse {
    let mut answer = match turn.outcome {
        Outcome::Redirect { to, see_other } => respond::redirect(&ctx.link(&to), see_other),
        Outcome::PostForm { to, fields } => {
            let form = FormPost {
                action: to,
                fields,
                client_name: None,
            };
            respond::show(ctx, &form.into())
        }
        Outcome::Respond(response) => respond::reply(ctx, &response.to, response.params),
        Outcome::Show(screen) => show(ctx, screen),
    };
    if let Some(negotiate) = &turn.negotiate {
        respond::negotiate(&mut answer, negotiate);
    }
    for change in &turn.cookies {
        if let Err(cause) = answer.add_cookie(&browser::cookie(change, ctx.spec())) {
            error!(incident.id = %ctx.request_id, "a cookie could not be set: {cause}");
        }
    }
    answer
}

/// A wait in minutes, where seconds would be hard to read.
fn whole_minutes(seconds: u64) -> Option<u64> {
    (seconds > 90).then(|| seconds.div_ceil(60))
}

fn show(ctx: &Context, screen: Screen) -> HttpResponse {
    let (page, ui_locales): (Page, Vec<String>) = match screen {
        Screen::Choose {
            client_name,
            address,
            choices,
            login_hint,
            ui_locales,
        } => {
            let connectors = choices.into_iter().map(|choice| ConnectorChoice {
                url: ctx.link(&choice.to),
                id: choice.id,
                name: choice.name,
                kind: choice.kind,
                last_used: choice.last_used,
                unavailable: choice.unavailable.map(unavailability),
            });
            let connectors = connectors.collect();
            let page = Chooser {
                client_name,
                connectors,
                identifier: address.map(|form| identifier_form(ctx, form)),
                login_hint,
            };
            (page.into(), ui_locales)
        }
        Screen::Password {
            client_name,
            label,
            username,
            action,
            trouble,
            remember_me,
            back,
            ui_locales,
        } => {
            let page = Password {
                remember_me,
                client_name,
                username_label: Some(label),
                username,
                action: ctx.link(&action),
                error: trouble.map(password_error),
                retry_after_s: match trouble {
                    Some(PasswordTrouble::Throttled { retry_after }) => {
                        Some(respond::whole_seconds(retry_after))
                    }
                    _ => None,
                },
                retry_after_minutes: match trouble {
                    Some(PasswordTrouble::Throttled { retry_after }) => {
                        whole_minutes(respond::whole_seconds(retry_after))
                    }
                    _ => None,
                },
                back: back.map(|route| ctx.link(&route)),
                ..Password::default()
            };
            (page.into(), ui_locales)
        }
        Screen::Consent {
            client_name,
            client_host,
            person,
            scopes,
            action,
            fields,
            ui_locales,
        } => {
            let page = Consent {
                client_name,
                client_host: Some(client_host).filter(|host| !host.is_empty()),
                user_display: person,
                scopes: scopes.into_iter().map(scope_item).collect(),
                action: ctx.link(&action),
                fields,
            };
            (page.into(), ui_locales)
        }
        Screen::ConfirmLogout {
            person,
            client_name,
            elsewhere,
            action,
            fields,
            ui_locales,
        } => {
            let page = LogoutConfirm {
                client_name,
                user_display: Some(person),
                action: ctx.link(&action),
                fields,
                elsewhere,
                cancel: None,
            };
            (page.into(), ui_locales)
        }
        Screen::DeviceCode {
            user_code,
            action,
            trouble,
            asked,
        } => {
            let page = DeviceCode {
                user_code,
                action: ctx.link(&action),
                error: trouble.map(device_error),
                retry_after_min: match trouble {
                    Some(DeviceTrouble::Throttled { retry_after }) => {
                        Some(retry_after.as_secs().div_ceil(60))
                    }
                    _ => None,
                },
                asked: asked.map(|asked| DeviceAsked {
                    client_name: asked.client_name,
                    asked_from: asked.asked_from,
                    minutes_ago: asked.minutes_ago,
                }),
            };
            return respond::show(ctx, &page.into());
        }
        Screen::ConfirmDevice {
            client_name,
            user_code,
            asked_from,
            asked_minutes_ago,
            action,
            fields,
            ui_locales,
        } => {
            let page = DeviceConfirm {
                client_name,
                user_code,
                asked_from,
                asked_minutes_ago,
                action: ctx.link(&action),
                fields,
            };
            (page.into(), ui_locales)
        }
        Screen::DeviceAnswered {
            client_name,
            approved,
        } => {
            let answer = match approved {
                Some(true) => DeviceAnswer::Approved,
                Some(false) => DeviceAnswer::Denied,
                None => DeviceAnswer::Expired,
            };
            let page = DeviceAnswered {
                client_name,
                answer,
            };
            return respond::show(ctx, &page.into());
        }
        Screen::LoggedOut {
            client_name,
            return_to,
            frames,
            ui_locales,
        } => {
            let page = LoggedOut {
                client_name,
                return_to,
                frames,
            };
            (page.into(), ui_locales)
        }
    };
    respond::show_in(ctx, &page, &ui_locales)
}

fn unavailability(why: flows::Unavailability) -> Unavailability {
    match why {
        flows::Unavailability::Broken => Unavailability::Broken,
        flows::Unavailability::Silent => Unavailability::Silent,
    }
}

fn identifier_form(ctx: &Context, form: AddressForm) -> IdentifierForm {
    IdentifierForm {
        action: ctx.link(&form.action),
        fields: form.fields,
        error: form.trouble.map(|trouble| match trouble {
            AddressTrouble::Malformed => IdentifierError::Malformed,
            AddressTrouble::Unroutable => IdentifierError::Unroutable,
        }),
    }
}

fn device_error(trouble: DeviceTrouble) -> DeviceError {
    match trouble {
        DeviceTrouble::Wrong => DeviceError::Wrong,
        DeviceTrouble::Expired => DeviceError::Expired,
        DeviceTrouble::Throttled { .. } => DeviceError::Throttled,
    }
}

fn password_error(trouble: PasswordTrouble) -> PasswordError {
    match trouble {
        PasswordTrouble::Wrong => PasswordError::Wrong,
        PasswordTrouble::Throttled { .. } => PasswordError::Throttled,
    }
}

fn scope_item(scope: ConsentScope) -> ScopeItem {
    let ConsentScope {
        name,
        audience,
        description,
    } = scope;
    ScopeItem {
        name,
        audience,
        description,
    }
}
