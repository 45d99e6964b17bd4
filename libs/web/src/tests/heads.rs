//! `HEAD` asks what `GET` would say, and changes nothing (RFC 9110 §9.2.1).

use actix_web::http::Method;
use actix_web::test::TestRequest;
use insula_model::{Dialect, TenantSpec};
use insula_testkit::TenantBuilder;

use super::world::{AUTHORIZE, Answer, World, connecting};

/// A browser that keeps what it is given.
struct Visitor<'a> {
    world: &'a World,
    dialect: Dialect,
    cookies: Vec<(String, String)>,
}

impl<'a> Visitor<'a> {
    fn of(world: &'a World, dialect: Dialect) -> Self {
        Self {
            world,
            dialect,
            cookies: Vec::new(),
        }
    }

    async fn sends(&mut self, method: Method, path: &str) -> Answer {
        let pairs = self.cookies.iter().map(|(n, v)| format!("{n}={v}"));
        let cookies = pairs.collect::<Vec<_>>().join("; ");
        let request = TestRequest::with_uri(path).method(method);
        let request = request.insert_header(("cookie", cookies));
        let answer = self.world.ask(request).await;
        for line in answer.cookies() {
            let pair = line.split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        answer
    }

    async fn gets(&mut self, path: &str) -> Answer {
        self.sends(Method::GET, path).await
    }

    /// Asks for every route there is by HEAD, with this query, and finds nothing changed.
    async fn heads_everything(&mut self, query: &str) {
        let before = self.world.cache.entries();
        for path in EVERY {
            let answer = self.sends(Method::HEAD, &format!("{path}?{query}")).await;
            assert_eq!(answer.status, self.status_of(path), "{path}");
            assert_eq!(answer.cookies(), Vec::<&str>::new(), "{path}");
            assert_eq!(answer.header("location"), "", "{path}");
            assert_eq!(self.world.cache.entries(), before, "{path}");
        }
    }

    /// What a path answers to who asks by HEAD; dex's endpoints for programs take any method.
    fn status_of(&self, path: &str) -> u16 {
        match path {
            "/token" | "/token/introspect" | "/revoke" if self.dialect == Dialect::Dex => 400,
            "/token" | "/token/introspect" | "/revoke" => 405,
            "/userinfo" => 401,
            "/static/styles.css" | "/theme/styles.css" => 404,
            _ => 200,
        }
    }
}

const EVERY: [&str; 19] = [
    "/",
    "/auth",
    "/auth/mock",
    "/auth/mock/login",
    "/callback",
    "/callback/mock",
    "/approval",
    "/logout",
    "/token",
    "/token/introspect",
    "/revoke",
    "/userinfo",
    "/keys",
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/static/styles.css",
    "/theme/styles.css",
    "/robots.txt",
    "/healthz",
];

fn both(tenant: TenantBuilder) -> [TenantSpec; 2] {
    let quick = |spec: &mut TenantSpec| spec.signer.algorithms = vec!["ES256".to_owned()];
    [tenant.clone().build(), tenant.dex().with(quick).build()]
}

fn query_of(location: &str) -> &str {
    location.split_once('?').unwrap().1
}

#[actix_web::test]
async fn a_head_spends_no_login_and_changes_nothing_at_any_route() {
    for kind in ["redirects", "password"] {
        for tenant in both(connecting(kind)) {
            let dialect = tenant.dialect;
            let world = World::of([tenant]).await;
            let mut visitor = Visitor::of(&world, dialect);
            let asked = query_of(AUTHORIZE);
            visitor.heads_everything(asked).await;
            assert_eq!(world.cache.entries(), 0, "no login was begun");

            let begun = visitor.gets(&format!("/auth/mock?{asked}")).await;
            let state = query_of(begun.header("location"));
            let state = state.split('&').find(|pair| pair.starts_with("state="));
            let answered = format!("code=c&{}", state.unwrap());
            let named = state.unwrap().replace("state=", "req=");
            visitor.heads_everything(&answered).await;
            visitor.heads_everything(&named).await;
            if kind == "password" {
                let form = visitor.gets(&format!("/auth/mock/login?{answered}")).await;
                assert_eq!(form.status, 200, "the login goes on");
                continue;
            }

            let proven = visitor.gets(&format!("/callback/mock?{answered}")).await;
            let goes_on = if dialect == Dialect::Dex { 303 } else { 200 };
            assert_eq!(proven.status, goes_on, "the login goes on");
            visitor.heads_everything(&answered).await;
            visitor.heads_everything(&named).await;
            let again = visitor.gets(&format!("/callback/mock?{answered}")).await;
            let proof = query_of(again.header("location")).to_owned();
            visitor.heads_everything(&proof).await;
            visitor
                .heads_everything(&format!("{proof}&approval=approve"))
                .await;
            let approval = format!("/approval?{proof}&approval=approve");
            let page = visitor.gets(&approval).await;
            assert_eq!(page.status, 200, "the question still stands");
        }
    }
}
