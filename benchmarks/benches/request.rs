//! What the doors do for a request beside the rules: a page is drawn, a form is read.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot begin should stop at once"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::Criterion;
use insula_oauth::{Params, TokenRequest};
use insula_theming::{Branding, Color, Page, RenderContext, Theme, ThemeLibrary, ThemeRequest};

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let library = ThemeLibrary::embedded().expect("the built-in themes are good");
    let plain = theme(&library, Branding::named("Acme"));
    let mut coloured = Branding::named("Acme");
    coloured.colors.light.accent = Some(Color::new(11, 122, 92));
    let coloured = theme(&library, coloured);
    let page = login_page();
    let ctx = RenderContext {
        lang: "en",
        ..RenderContext::default()
    };
    let body = "grant_type=authorization_code&code=YCnUpOfmwfwHk7xd-6yjRzZr2nKC0svXT-mXnaYZUhI\
                &redirect_uri=https%3A%2F%2Fapp.test%2Fcb&client_id=app\
                &code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    let mut group = criterion.benchmark_group("request");
    group.bench_function("render the login page", |b| {
        b.iter(|| plain.render(black_box(&page), &ctx).is_ok());
    });
    group.bench_function("render it in a tenant's own colours", |b| {
        b.iter(|| coloured.render(black_box(&page), &ctx).is_ok());
    });
    let sheet = address_of_rules(&plain, &page, &ctx);
    group.bench_function("find the style sheet", |b| {
        b.iter(|| plain.asset(black_box(&sheet)).is_some());
    });
    group.bench_function("read a token request", |b| {
        b.iter(|| {
            let form = Params::parse(black_box(body)).expect("the form is well formed");
            TokenRequest::from_params(&form).is_ok()
        });
    });
    group.finish();
    criterion.final_summary();
}

fn theme(library: &ThemeLibrary, branding: Branding) -> Arc<Theme> {
    let request = ThemeRequest {
        branding,
        ..ThemeRequest::default()
    };
    library.theme(&request).expect("the base theme is there")
}

fn login_page() -> Page {
    let samples = Page::samples().into_iter();
    let found = samples.filter(|(name, _)| *name == "password");
    found.map(|(_, page)| page).next().expect("a sample")
}

/// The name of the style sheet that a page links to.
fn address_of_rules(theme: &Theme, page: &Page, ctx: &RenderContext<'_>) -> String {
    let html = theme.render(page, ctx).expect("the page is drawn");
    let links = html.body.split("\"/static/").skip(1);
    let mut names = links.filter_map(|rest| rest.split('"').next());
    names
        .find(|name| name.contains("-style"))
        .expect("the page links to it")
        .to_owned()
}
