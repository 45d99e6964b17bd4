//! A Gitea that answers from memory of its API description (`/api/swagger`).

use serde_json::json;

use super::both_dialects::{deployment, tells};
use super::vendor::{Paths, Vendor};

#[tokio::test]
async fn people_of_a_gitea_log_in_with_their_teams() {
    let paths = Paths {
        authorize: "/login/oauth/authorize",
        token: "/login/oauth/access_token",
        open: "/nothing",
    };
    let user = json!({"id": 42, "login": "jane", "full_name": "Jane Doe",
        "email": "jane@example.com"});
    let team =
        |name: &str| json!({"id": 1, "name": name, "organization": {"id": 7, "username": "acme"}});
    let gitea = Vendor::open(
        paths,
        json!({"/api/v1/user": user, "/api/v1/user/teams?page=1": [team("shop")],
            "/api/v1/user/teams?page=2": [team("ops")], "/api/v1/user/teams?page=3": null}),
    );
    let settings = format!("baseURL: \"{}\", loadAllGroups: true", gitea.url);
    let expected = json!({"name": "Jane Doe", "email": "jane@example.com",
        "email_verified": true, "groups": ["acme", "acme:shop", "acme:ops"]});
    tells(&deployment("gitea", &settings), &expected).await;
}
