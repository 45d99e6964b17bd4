//! Writes every sample page of a theme to a folder, to look at in a browser.
//!
//! `cargo run -p insula-theming --example preview -- <outdir> [themes-dir] [theme]`

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use insula_theming::{
    Branding, Color, Links, Page, RenderContext, Theme, ThemeLibrary, ThemeRequest, Tokens,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let out = PathBuf::from(
        args.next()
            .ok_or("usage: preview <outdir> [themes-dir] [theme]")?,
    );
    let library = match args.next() {
        Some(folder) => ThemeLibrary::load(Path::new(&folder))?,
        None => ThemeLibrary::embedded()?,
    };
    let base = args.next().unwrap_or_default();
    fs::create_dir_all(&out)?;
    for (name, branding) in brandings()? {
        let request = ThemeRequest {
            base: base.clone(),
            overlay: None,
            branding,
        };
        for problem in library.check(&request) {
            eprintln!("{name}: {problem}");
        }
        let theme = library.theme(&request)?;
        for lang in theme.languages().to_vec() {
            write_all(&theme, &lang, &out, name)?;
        }
    }
    Ok(())
}

fn write_all(theme: &Theme, lang: &str, out: &Path, name: &str) -> Result<(), Box<dyn Error>> {
    let ctx = RenderContext {
        lang,
        ..RenderContext::default()
    };
    for (sample, page) in Page::samples() {
        let html = theme.render(&page, &ctx)?;
        write_files(theme, &html.body, out)?;
        // Found beside the page, wherever that is opened from.
        let body = html.body.replace("\"/static/", "\"static/");
        fs::write(out.join(format!("{name}-{sample}-{lang}.html")), body)?;
    }
    Ok(())
}

/// The files that a page names.
fn write_files(theme: &Theme, body: &str, out: &Path) -> Result<(), Box<dyn Error>> {
    for rest in body.split("\"/static/").skip(1) {
        let name = rest.split('"').next().unwrap_or_default();
        let Some((asset, _)) = theme.asset(name) else {
            continue;
        };
        let path = out.join("static").join(name);
        fs::create_dir_all(path.parent().unwrap_or(out))?;
        fs::write(path, asset.bytes)?;
    }
    Ok(())
}

/// A plain tenant, one with a colour and a panel, one in another direction.
fn brandings() -> Result<Vec<(&'static str, Branding)>, Box<dyn Error>> {
    let links = Links {
        terms: Some("https://acme.example/terms".into()),
        privacy: Some("https://acme.example/privacy".into()),
        support: Some("mailto:help@acme.example".into()),
    };
    let plain = Branding {
        links: links.clone(),
        ..Branding::named("Acme")
    };
    let mut panel = Branding {
        links: links.clone(),
        ..Branding::named("Globex")
    };
    panel.colors.light = Tokens {
        accent: Some(Color::parse("#0b7a5c")?),
        ..Tokens::default()
    };
    panel.extra = BTreeMap::from([
        ("tagline".into(), "Power for the places people live.".into()),
        (
            "taglineDetail".into(),
            "Sign in to see your sites, your readings and your bills.".into(),
        ),
    ]);
    let arabic = BTreeMap::from([
        ("login.title".into(), "تسجيل الدخول إلى { $client }".into()),
        ("login.lead".into(), "اختر طريقة المتابعة.".into()),
        (
            "login.with".into(),
            "المتابعة باستخدام { $connector }".into(),
        ),
        ("login.last-used".into(), "آخر استخدام".into()),
        (
            "password.username".into(),
            "البريد الإلكتروني أو اسم المستخدم".into(),
        ),
        ("password.label".into(), "كلمة المرور".into()),
        ("password.show".into(), "إظهار".into()),
        ("password.submit".into(), "تسجيل الدخول".into()),
        (
            "password.remember".into(),
            "إبقائي مسجلاً على هذا الجهاز".into(),
        ),
        ("password.back".into(), "تسجيل الدخول بطريقة أخرى".into()),
    ]);
    let rtl = Branding {
        links,
        languages: vec!["ar".into()],
        texts: BTreeMap::from([("ar".into(), arabic)]),
        ..Branding::named("واحة")
    };
    Ok(vec![("plain", plain), ("panel", panel), ("rtl", rtl)])
}
