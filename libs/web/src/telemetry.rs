use std::sync::Arc;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpResponse, web};
use serde_json::json;

/// What the telemetry listener asks of the process.
#[derive(Clone)]
pub struct TelemetryState {
    /// The text of all metrics (Prometheus exposition format 0.0.4).
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// The state of every check: its name, and what is wrong with it, if anything is.
    pub health: Arc<dyn Fn() -> Vec<(String, Option<String>)> + Send + Sync>,
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
    let checks = (state.health)();
    let is_healthy = checks.iter().all(|(_, trouble)| trouble.is_none());
    let details: serde_json::Map<_, _> = checks
        .into_iter()
        .map(|(name, trouble)| (name, trouble.unwrap_or_else(|| "ok".to_owned()).into()))
        .collect();
    let body = json!({ "status": if is_healthy { "ok" } else { "failing" }, "checks": details });
    if is_healthy {
        HttpResponse::Ok().json(body)
    } else {
        HttpResponse::ServiceUnavailable().json(body)
    }
}
