//! Headers that a tenant wants on its answers.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, X_FRAME_OPTIONS};

use crate::route::Route;

/// Adds the tenant's headers, in place of those that we would send. Static files go without, as in
/// dex; pages keep the policy they are written for.
pub(crate) fn add(answer: &mut HttpResponse, route: &Route, headers: &[(String, String)]) {
    if matches!(route, Route::Static(_)) {
        return;
    }
    let is_page = answer.headers().contains_key(CONTENT_SECURITY_POLICY);
    for (name, value) in headers {
        // Both were validated where they were read.
        let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value),
        ) else {
            continue;
        };
        if is_page && (name == CONTENT_SECURITY_POLICY || name == X_FRAME_OPTIONS) {
            continue;
        }
        answer.headers_mut().insert(name, value);
    }
}
