//! What a person sees, and its status.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use insula_connector_kit::ConnectorError;
use insula_engine::{Refusal, repeatable};
use insula_model::RefusalForm;
use insula_theming::{DeviceAnswer, ErrorPage, Page};

use crate::context::Context;
use crate::page;

/// The status of a refusal that a person sees.
pub(super) fn error_page(ctx: &Context, refusal: &Refusal) -> ErrorPage {
    let form = ctx.rules().refusals;
    let detail = refusal.description(form).into_owned();
    let dex = form == RefusalForm::Dex;
    match refusal {
        Refusal::TooManyRequests { .. } => ErrorPage::busy(None),
        Refusal::Overloaded { .. } => ErrorPage {
            status: 503,
            ..ErrorPage::busy(None)
        },
        Refusal::BadProof if dex => ErrorPage {
            status: 401,
            ..ErrorPage::expired(None)
        },
        Refusal::LoginUnknown | Refusal::LoginExpired | Refusal::WrongStage | Refusal::BadProof => {
            ErrorPage::expired(None)
        }
        Refusal::WrongBrowser => ErrorPage::cookies(None),
        Refusal::NotInGroup => ErrorPage::denied(None),
        Refusal::TicketRequired => ErrorPage {
            status: 401,
            ..ErrorPage::denied(None)
        },
        // dex calls whatever a connector or a person answers its own failure.
        Refusal::UpstreamDenied(_) => ErrorPage {
            status: if dex { 500 } else { 403 },
            ..ErrorPage::denied(None)
        },
        Refusal::UpstreamDeclined { connector } => ErrorPage {
            status: if dex { 500 } else { 403 },
            ..ErrorPage::declined(connector_name(ctx, connector))
        },
        Refusal::ConsentDenied => ErrorPage {
            status: if dex { 500 } else { 403 },
            ..ErrorPage::not_allowed()
        },
        // A stranger can send one too, so in our dialect it counts as the asker's mistake.
        Refusal::UpstreamReply { connector, .. } => ErrorPage {
            status: if dex { 500 } else { 400 },
            ..ErrorPage::upstream_mistake(connector_name(ctx, connector), detail)
        },
        Refusal::ConnectorUnavailable { connector, .. } => {
            ErrorPage::connector_broken(connector_name(ctx, connector))
        }
        Refusal::ConnectorRemoved { another } => {
            ErrorPage::connector_removed(another.as_deref().map(|route| ctx.link(route)))
        }
        Refusal::UnknownClient if dex => ErrorPage {
            status: 404,
            ..ErrorPage::client_mistake(detail)
        },
        Refusal::MethodNotAllowed(_) if !dex => ErrorPage {
            status: 405,
            ..ErrorPage::client_mistake(detail)
        },
        _ => ErrorPage::client_mistake(detail),
    }
}

/// What the person knows a connector as.
pub(super) fn connector_name<'a>(ctx: &'a Context, id: &'a str) -> &'a str {
    let spec = ctx.spec().connector(id);
    spec.map_or(id, |spec| spec.name.as_str())
}

/// What a connector's failure is to the person in front of it.
pub(super) fn connector_page(name: &str, cause: &ConnectorError) -> ErrorPage {
    match cause {
        ConnectorError::Upstream(why)
        | ConnectorError::SaidToFail(why)
        | ConnectorError::BadReply(why) => ErrorPage::upstream_mistake(name, repeatable(why)),
        ConnectorError::Settings(_) | ConnectorError::Unsupported(_) => {
            ErrorPage::connector_broken(name)
        }
        _ => ErrorPage::upstream_down(name, None),
    }
}

pub(super) fn page_status(page: &Page) -> StatusCode {
    let status = match page {
        Page::Error(error) => error.status,
        Page::Unavailable(_) => 503,
        Page::DeviceCode(form) if form.error.is_some() => match form.retry_after_min {
            Some(_) => 429,
            None => 400,
        },
        Page::DeviceAnswered(page) if page.answer == DeviceAnswer::Expired => 400,
        Page::Password(form) if form.error.is_some() => match form.retry_after_s {
            Some(_) => 429,
            None => 401,
        },
        _ => 200,
    };
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Shows a page with the status that belongs to it.
pub(crate) fn show(ctx: &Context, page: &Page) -> HttpResponse {
    page::answer(ctx, page, page_status)
}

/// The same, in the languages a login was begun in.
pub(crate) fn show_in(ctx: &Context, page: &Page, ui_locales: &[String]) -> HttpResponse {
    page::answer_in(ctx, page, ui_locales, page_status)
}
