//! Pages with speaking data, one per state.

use super::{
    Chooser, ConnectorChoice, Consent, DeviceAnswer, DeviceAnswered, DeviceAsked, DeviceCode,
    DeviceConfirm, DeviceError, ErrorPage, FormPost, Home, IdentifierError, IdentifierForm,
    LoggedOut, LogoutConfirm, Occasion, OutOfBand, Page, Password, PasswordError, ScopeItem,
    SignedIn, Unavailability, Unavailable,
};

const CLIENT: &str = "Acme Portal";

pub(super) fn all() -> Vec<(&'static str, Page)> {
    vec![
        ("chooser", chooser().into()),
        ("chooser-out-of-order", chooser_out_of_order().into()),
        ("identifier", identifier(None).into()),
        (
            "identifier-malformed",
            identifier(Some(IdentifierError::Malformed)).into(),
        ),
        (
            "identifier-unroutable",
            identifier(Some(IdentifierError::Unroutable)).into(),
        ),
        ("password", password().into()),
        ("password-known", password_known().into()),
        (
            "password-wrong",
            password_with(PasswordError::Wrong, None).into(),
        ),
        (
            "password-throttled",
            password_with(PasswordError::Throttled, Some(60)).into(),
        ),
        (
            "password-throttled-long",
            Password {
                retry_after_minutes: Some(15),
                ..password_with(PasswordError::Throttled, Some(900))
            }
            .into(),
        ),
        (
            "password-throttled-untold",
            password_with(PasswordError::Throttled, None).into(),
        ),
        (
            "password-expired",
            password_with(PasswordError::Expired, None).into(),
        ),
        ("consent", consent().into()),
        ("device", device(None, None).into()),
        ("device-known", device_known().into()),
        (
            "device-wrong",
            device(Some(DeviceError::Wrong), None).into(),
        ),
        (
            "device-expired",
            device(Some(DeviceError::Expired), None).into(),
        ),
        (
            "device-throttled",
            device(Some(DeviceError::Throttled), Some(10)).into(),
        ),
        ("device-confirm", device_confirm().into()),
        (
            "device-confirm-unplaced",
            DeviceConfirm {
                asked_from: None,
                asked_minutes_ago: 0,
                ..device_confirm()
            }
            .into(),
        ),
        ("device-done", answered(DeviceAnswer::Approved).into()),
        ("device-denied", answered(DeviceAnswer::Denied).into()),
        ("device-over", answered(DeviceAnswer::Expired).into()),
        ("error-client", client_mistake().into()),
        ("error-fault", ErrorPage::our_fault("7Q4K-XM2D").into()),
        (
            "error-upstream",
            ErrorPage::upstream_down("Acme Workforce", Some(retry())).into(),
        ),
        (
            "error-reply",
            ErrorPage::upstream_mistake("Acme Workforce", "its ID token has no 'sub'").into(),
        ),
        (
            "error-setup",
            ErrorPage::connector_broken("Acme Workforce").into(),
        ),
        (
            "error-removed",
            ErrorPage::connector_removed(Some("/auth?req=abc".into())).into(),
        ),
        (
            "error-declined",
            ErrorPage::declined("Acme Workforce").into(),
        ),
        ("error-consent", ErrorPage::not_allowed().into()),
        ("error-denied", ErrorPage::denied(Some(retry())).into()),
        ("error-expired", ErrorPage::expired(Some(retry())).into()),
        ("error-cookies", ErrorPage::cookies(Some(retry())).into()),
        ("error-busy", ErrorPage::busy(Some(retry())).into()),
        ("error-missing", ErrorPage::not_found().into()),
        (
            "error-finished",
            ErrorPage::finished(Some((
                "https://portal.acme.example/".into(),
                "portal.acme.example".into(),
            )))
            .into(),
        ),
        ("error-finished-native", ErrorPage::finished(None).into()),
        (
            "error-client-sign-out",
            client_mistake().on(Occasion::SignOut).into(),
        ),
        (
            "error-expired-sign-out",
            ErrorPage::expired(None).on(Occasion::SignOut).into(),
        ),
        (
            "error-client-visit",
            client_mistake().on(Occasion::Visit).into(),
        ),
        ("logout-confirm", logout_confirm().into()),
        ("logout-confirm-unknown", LogoutConfirm::default().into()),
        ("logged-out", logged_out().into()),
        ("logged-out-frames", logging_out().into()),
        ("logged-out-unknown", LoggedOut::default().into()),
        ("form-post", form_post().into()),
        (
            "oob",
            OutOfBand {
                code: "YCnUpOfmwfwHk7xd-6yjRzZr2nKC0svXT-mXnaYZUhI".into(),
            }
            .into(),
        ),
        (
            "unavailable",
            Unavailable {
                retry_after_s: Some(30),
            }
            .into(),
        ),
        ("unavailable-untold", Unavailable::default().into()),
        ("home", home().into()),
        ("home-signed-in", home_of_somebody().into()),
    ]
}

fn retry() -> String {
    "/auth?client_id=portal&scope=openid".into()
}

fn choice(id: &str, name: &str, kind: &str, last_used: bool) -> ConnectorChoice {
    ConnectorChoice {
        id: id.into(),
        name: name.into(),
        kind: kind.into(),
        url: format!("/auth/{id}?req=abc&back=1"),
        last_used,
        unavailable: None,
    }
}

fn chooser() -> Chooser {
    Chooser {
        client_name: CLIENT.into(),
        connectors: vec![
            choice("workforce", "Acme Workforce", "oidc", true),
            choice("local", "Email", "local", false),
            choice("directory", "Company directory", "ldap", false),
        ],
        identifier: None,
        login_hint: None,
    }
}

/// Two of three ways are out of order, for either reason.
fn chooser_out_of_order() -> Chooser {
    let mut page = chooser();
    for (choice, why) in page.connectors.iter_mut().zip([
        None,
        Some(Unavailability::Silent),
        Some(Unavailability::Broken),
    ]) {
        choice.unavailable = why;
    }
    page
}

fn identifier(error: Option<IdentifierError>) -> Chooser {
    Chooser {
        identifier: Some(IdentifierForm {
            action: "/auth/identify".into(),
            fields: vec![("req".into(), "abc".into())],
            error,
        }),
        login_hint: Some("jane@acme.example".into()),
        connectors: vec![
            choice("workforce", "Acme Workforce", "oidc", false),
            choice("partner", "Partner network", "saml", false),
        ],
        ..chooser()
    }
}

fn password() -> Password {
    Password {
        connector_id: "local".into(),
        client_name: CLIENT.into(),
        action: "/auth/local/login?req=abc".into(),
        fields: vec![("req".into(), "abc".into())],
        back: Some("/auth?req=abc".into()),
        remember_me: Some(false),
        ..Password::default()
    }
}

fn password_known() -> Password {
    Password {
        connector_name: Some("Company directory".into()),
        username_label: Some("Staff number".into()),
        username: "jane@acme.example".into(),
        username_known: true,
        reset: Some("/reset?req=abc".into()),
        remember_me: Some(true),
        ..password()
    }
}

fn password_with(error: PasswordError, retry_after_s: Option<u64>) -> Password {
    Password {
        username: "jane@acme.example".into(),
        error: Some(error),
        retry_after_s,
        ..password()
    }
}

fn consent() -> Consent {
    let names = [
        "openid",
        "profile",
        "email",
        "groups",
        "phone",
        "address",
        "offline_access",
        "reports:read",
    ]
    .into_iter();
    let api = ScopeItem {
        name: "audience:server:client_id:ledger".into(),
        audience: Some("Ledger".into()),
        description: None,
    };
    let described = ScopeItem {
        name: "orders:read".into(),
        audience: None,
        description: Some("See your orders of the last year".into()),
    };
    Consent {
        client_name: "Weekly Reports".into(),
        client_host: Some("reports.partner.example".into()),
        user_display: "jane@acme.example".into(),
        scopes: names
            .map(ScopeItem::named)
            .chain([api, described])
            .collect(),
        action: "/approval?req=abc&hmac=def".into(),
        fields: vec![("req".into(), "abc".into())],
    }
}

fn device(error: Option<DeviceError>, retry_after_min: Option<u64>) -> DeviceCode {
    DeviceCode {
        user_code: error.map(|_| "WDJB-MJHX".into()).unwrap_or_default(),
        action: "/device".into(),
        error,
        retry_after_min,
        asked: None,
    }
}

fn device_known() -> DeviceCode {
    DeviceCode {
        user_code: "WDJB-MJHT".into(),
        asked: Some(DeviceAsked {
            client_name: CLIENT.into(),
            asked_from: Some("192.0.2.7".into()),
            minutes_ago: 2,
        }),
        ..device(None, None)
    }
}

fn device_confirm() -> DeviceConfirm {
    DeviceConfirm {
        client_name: "Acme Command Line".into(),
        user_code: "WDJB-MJHT".into(),
        asked_from: Some("192.0.2.7".into()),
        asked_minutes_ago: 2,
        action: "/device".into(),
        fields: vec![("req".into(), "abc".into()), ("hmac".into(), "def".into())],
    }
}

fn answered(answer: DeviceAnswer) -> DeviceAnswered {
    DeviceAnswered {
        client_name: "Acme Command Line".into(),
        answer,
    }
}

fn client_mistake() -> ErrorPage {
    ErrorPage::client_mistake("redirect_uri is not registered for this client")
}

fn logout_confirm() -> LogoutConfirm {
    LogoutConfirm {
        client_name: Some(CLIENT.into()),
        user_display: Some("jane@acme.example".into()),
        action: "/logout".into(),
        fields: vec![("state".into(), "xyz".into())],
        elsewhere: 2,
        cancel: Some("https://portal.acme.example/".into()),
    }
}

fn logged_out() -> LoggedOut {
    LoggedOut {
        client_name: Some(CLIENT.into()),
        return_to: Some("https://portal.acme.example/".into()),
        frames: Vec::new(),
    }
}

fn logging_out() -> LoggedOut {
    LoggedOut {
        frames: vec!["https://wiki.acme.example/out?iss=a&sid=b".into()],
        ..logged_out()
    }
}

fn form_post() -> FormPost {
    FormPost {
        action: "https://portal.acme.example/callback".into(),
        fields: vec![
            ("code".into(), "sample-code".into()),
            ("state".into(), "xyz".into()),
        ],
        client_name: Some(CLIENT.into()),
    }
}

fn home() -> Home {
    Home {
        issuer: "https://login.acme.example".into(),
        discovery_url: "https://login.acme.example/.well-known/openid-configuration".into(),
        signed_in: None,
    }
}

fn home_of_somebody() -> Home {
    Home {
        signed_in: Some(SignedIn {
            person: "Jane Doe".into(),
            email: "jane@acme.example".into(),
            email_verified: true,
            groups: vec!["staff".into(), "engineering".into()],
            connector_name: "Acme staff".into(),
            minutes_since: 12,
            minutes_left: 59,
            longer_if_used: true,
            logout_url: "/logout".into(),
        }),
        ..home()
    }
}
