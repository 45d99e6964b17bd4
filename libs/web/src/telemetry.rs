use std::sync::Arc;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpResponse, web};

/// What the telemetry listener asks of the process.
#[derive(Clone)]
pub struct TelemetryState {
    /// The text of all metrics (Prometheus exposition format 0.0.4).
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Whether the process wants work, and the last word of every check.
    pub health: Arc<dyn Fn() -> (bool, serde_json::Value) + Send + Sync>,
}

/// `/metrics`, `/healthz`, `/healthz/live`, `/healthz/ready`: for the operator's network only.
pub fn telemetry_routes(cfg: &mut web::ServiceConfig) {
    cfg.route("/metrics", web::get().to(metrics))
        .route("/healthz", web::get().to(ready))
        .route("/healthz/ready", web::get().to(ready))
        .route("/healthz/live", web::get().to(live));
}

async fn metrics(state: web::Data<TelemetryState>) -> HttpResponse {
    let text = state.metrics.clone();
    match web::block(move || text()).await {
        Ok(text) => HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
            .body(text),
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}

async fn live() -> &'static str {
    "ok"
}

async fn ready(state: web::Data<TelemetryState>) -> HttpResponse {
    let (is_ready, report) = (state.health)();
    if is_ready {
        HttpResponse::Ok().json(report)
    } else {
        HttpResponse::ServiceUnavailable().json(report)
    }
}
