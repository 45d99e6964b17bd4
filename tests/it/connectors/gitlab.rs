//! A GitLab that answers from memory of its documentation: "OAuth 2.0 identity provider API", "Users API",
//! "GitLab as OpenID Connect identity provider".

use serde_json::json;

use super::both_dialects::{deployment, tells};
use super::vendor::{Paths, Vendor};

#[tokio::test]
async fn people_of_a_gitlab_log_in_with_their_groups() {
    let paths = Paths {
        authorize: "/oauth/authorize",
        token: "/oauth/token",
        open: "/nothing",
    };
    let user = json!({"id": 4711, "username": "john", "name": "John Smith", "state": "active",
        "email": "john@example.com", "confirmed_at": "2012-05-23T09:05:22.000Z"});
    let gitlab = Vendor::open(
        paths,
        json!({"/api/v4/user": user,
            "/oauth/userinfo": {"sub": "4711", "groups": ["acme", "acme/shop"]}}),
    );
    let settings = format!("baseURL: \"{}\", groups: [acme/shop]", gitlab.url);
    let expected = json!({"name": "John Smith", "email": "john@example.com",
        "email_verified": true, "groups": ["acme/shop"]});
    tells(&deployment("gitlab", &settings), &expected).await;
}
