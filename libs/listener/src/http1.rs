use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::{ConnectionType, HttpServiceBuilder, KeepAlive, Payload, Request, Response};
use actix_service::{ServiceFactory, fn_service};

use crate::app::{App, respond};
use crate::body::{Answer, timed};
use crate::connection::{Connection, Exchange};
use crate::guarded::Guarded;
use crate::limits::Limits;

/// How long an answer that came before the request's body ended is given to arrive.
const LINGER: Duration = Duration::from_secs(1);

/// Serves HTTP/1.1 connections with `app`. actix-http has no timer of its own here: the gate
/// watches heads and idleness of every request, not of the first alone.
pub(crate) fn service<S>(
    app: Rc<S>,
    limits: &Limits,
) -> impl ServiceFactory<(Guarded, Option<SocketAddr>), Config = (), Response = (), InitError = ()>
+ use<S>
where
    S: App + 'static,
{
    let body_limit = limits.body;
    let answer = fn_service(move |request: Request| {
        let app = Rc::clone(&app);
        async move { Ok::<_, Infallible>(answer(&*app, request, body_limit).await) }
    });
    HttpServiceBuilder::default()
        .keep_alive(KeepAlive::Os)
        .client_request_timeout(Duration::ZERO)
        .client_disconnect_timeout(LINGER)
        .on_connect_ext(|io: &Guarded, data| {
            data.insert(Arc::clone(io.connection()));
        })
        .h1(answer)
}

async fn answer(app: &impl App, mut request: Request, body_limit: Duration) -> Response<Answer> {
    let Some(connection) = request.conn_data::<Arc<Connection>>().cloned() else {
        return Response::internal_server_error().map_body(|_, body| Answer::new(body, None));
    };
    let exchange = Exchange::begin(&connection);
    let payload = request.take_payload();
    if !matches!(payload, Payload::None) {
        let timed = timed(payload, &connection, body_limit);
        request = request.replace_payload(timed).0;
    }
    let response = respond(app, request).await;
    exchange.is_whole();
    response.map_body(|head, body| {
        if connection.is_leaving() {
            head.set_connection_type(ConnectionType::Close);
        }
        Answer::new(body, Some(exchange))
    })
}
