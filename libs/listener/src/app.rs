use actix_http::{Request, Response};
use actix_service::Service;
use actix_web::Error;
use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;

/// What actix-web makes of an `App` for one worker.
pub(crate) trait App:
    Service<Request, Response = ServiceResponse<BoxBody>, Error = Error>
{
}

impl<S> App for S where S: Service<Request, Response = ServiceResponse<BoxBody>, Error = Error> {}

/// Asks the app; its errors are answers, as in actix-web's own server.
pub(crate) async fn respond(app: &impl App, request: Request) -> Response<BoxBody> {
    match app.call(request).await {
        Ok(response) => response.into(),
        Err(error) => error.error_response().into(),
    }
}
