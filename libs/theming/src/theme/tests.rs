use std::fs;
use std::path::Path;

use super::*;
use crate::library::{ThemeLibrary, ThemeRequest};
use crate::page::{
    Chooser, ConnectorChoice, Consent, ErrorPage, FormPost, Home, IdentifierForm, LoggedOut,
    LogoutConfirm, Password, PasswordError, ScopeItem, SignedIn,
};
use crate::{Color, Scheme, Tokens};

const NONE: [&str; 0] = [];
const HOSTILE: &str = "<script>\"'&";

fn library() -> ThemeLibrary {
    ThemeLibrary::embedded().unwrap()
}

fn theme_of(branding: Branding) -> Arc<Theme> {
    library()
        .theme(&ThemeRequest {
            branding,
            ..ThemeRequest::default()
        })
        .unwrap()
}

fn acme() -> Arc<Theme> {
    theme_of(Branding::named("Acme"))
}

fn english() -> RenderContext<'static> {
    RenderContext {
        lang: "en",
        base_path: "",
        dex_ids: false,
    }
}

fn draw(theme: &Theme, page: impl Into<Page>) -> String {
    theme.render(&page.into(), &english()).unwrap().body
}

fn sample(name: &str) -> Page {
    Page::samples()
        .into_iter()
        .find(|(have, _)| *have == name)
        .unwrap()
        .1
}

/// Every sample in every language and dialect, of both built-in themes.
fn every_page() -> Vec<(String, String)> {
    let library = library();
    let mut bodies = Vec::new();
    for base in library.names() {
        let mut branding = Branding::named("Acme");
        branding
            .extra
            .insert("tagline".into(), "Build faster".into());
        branding.links.support = Some("mailto:help@acme.example".into());
        let request = ThemeRequest {
            base: base.clone(),
            overlay: None,
            branding,
        };
        let theme = library.theme(&request).unwrap();
        for lang in theme.languages() {
            for dex_ids in [false, true] {
                for (name, page) in Page::samples() {
                    let ctx = RenderContext {
                        lang,
                        dex_ids,
                        ..english()
                    };
                    let html = theme.render(&page, &ctx).unwrap();
                    assert_eq!(&html.lang, lang);
                    bodies.push((format!("{base}/{name}/{lang}"), html.body));
                }
            }
        }
    }
    bodies
}

#[test]
fn every_page_draws_in_every_language_with_its_language_and_direction() {
    let pages = every_page();
    assert!(pages.len() >= 2 * 3 * 2 * 20);
    for (name, body) in pages {
        let lang = name.rsplit('/').next().unwrap();
        assert!(
            body.contains(&format!("<html lang=\"{lang}\" dir=\"ltr\">")),
            "{name}"
        );
        assert!(
            !body.contains("{$") && !body.contains("{ $"),
            "{name} shows a placeholder"
        );
    }
}

#[test]
fn no_page_needs_more_than_the_policy_allows() {
    for (name, body) in every_page() {
        assert!(!body.contains(" style="), "{name} has an inline style");
        for handler in [" onclick=", " onsubmit=", " onload=", "javascript:"] {
            assert!(!body.contains(handler), "{name} has {handler}");
        }
        assert!(!body.contains("<style"), "{name} has an inline style sheet");
        for (at, _) in body.match_indices("<script") {
            let rest = &body[at..];
            let is_file = rest.starts_with("<script src=\"/static/");
            assert!(is_file, "{name}: a script is not a file of the theme");
            let ends = rest.find("</script>").unwrap();
            assert!(rest[..ends].ends_with('>'), "{name} has an inline script");
        }
        // Frames are of clients, and the policy of their page names the origins.
        let frames = body.matches("<iframe src=\"http").count();
        assert_eq!(frames > 0, name.contains("/logged-out-frames"), "{name}");
        assert!(
            body.matches(" src=\"http").count() == frames && !body.contains("url(http"),
            "{name}"
        );
    }
}

/// The addresses of the files a page needs before it is whole.
fn files_of(body: &str) -> Vec<String> {
    let mut files = Vec::new();
    for opening in ["<link rel=\"stylesheet\" href=\"", "<script src=\""] {
        for rest in body.split(opening).skip(1) {
            files.push(rest.split('"').next().unwrap().to_owned());
        }
    }
    files
}

#[test]
fn the_heaviest_page_stays_small_with_all_its_files() {
    let library = library();
    let themes = library.names().into_iter().map(|base| {
        let request = ThemeRequest {
            base,
            ..ThemeRequest::default()
        };
        library.theme(&request).unwrap()
    });
    let themes: Vec<_> = themes.collect();
    for (name, body) in every_page() {
        let found = |path: &String| themes.iter().find_map(|theme| exact(theme, path));
        let files = files_of(&body);
        assert!(files.len() >= 2, "{name}: {files:?}");
        let files = files.iter().map(|path| found(path).expect(path));
        let sent = files.map(|file| file.packed.unwrap_or(file.bytes).len());
        let bytes = body.len() + sent.sum::<usize>();
        assert!(
            bytes < 15_000,
            "{name} has {bytes} bytes; the bound is 30 KB in all"
        );
    }
}

fn at(theme: &Theme, path: &str) -> Option<(Asset, AskedBy)> {
    theme.asset(path.strip_prefix("/static/").expect("below the issuer"))
}

/// The file at a path whose hash is that of its content.
fn exact(theme: &Theme, path: &str) -> Option<Asset> {
    let (asset, asked_by) = at(theme, path)?;
    (asked_by == AskedBy::Hash).then_some(asset)
}

fn hostile_pages() -> Vec<Page> {
    let text = || HOSTILE.to_owned();
    let fields = || vec![(text(), text())];
    let choice = ConnectorChoice {
        id: text(),
        name: text(),
        kind: text(),
        url: format!("/{HOSTILE}"),
        last_used: true,
        unavailable: None,
    };
    vec![
        Chooser {
            client_name: text(),
            connectors: vec![choice],
            identifier: Some(IdentifierForm {
                action: text(),
                fields: fields(),
                error: None,
            }),
            login_hint: Some(text()),
        }
        .into(),
        Password {
            connector_id: text(),
            connector_name: Some(text()),
            client_name: text(),
            username_label: Some(text()),
            username: text(),
            username_known: true,
            action: text(),
            fields: fields(),
            error: Some(PasswordError::Wrong),
            retry_after_s: None,
            retry_after_minutes: None,
            back: Some(text()),
            reset: Some(text()),
            remember_me: Some(true),
        }
        .into(),
        Consent {
            client_name: text(),
            client_host: Some(text()),
            user_display: text(),
            scopes: vec![
                ScopeItem::named(HOSTILE),
                ScopeItem {
                    name: text(),
                    audience: Some(text()),
                    description: None,
                },
            ],
            action: text(),
            fields: fields(),
        }
        .into(),
        ErrorPage {
            detail: Some(text()),
            ..ErrorPage::upstream_down(HOSTILE, Some(text()))
        }
        .with_incident(HOSTILE)
        .into(),
        LogoutConfirm {
            client_name: Some(text()),
            user_display: Some(text()),
            action: text(),
            fields: fields(),
            elsewhere: 1,
            cancel: Some(text()),
        }
        .into(),
        LoggedOut {
            client_name: Some(text()),
            return_to: Some(text()),
            frames: vec![text()],
        }
        .into(),
        FormPost {
            action: text(),
            fields: fields(),
            client_name: Some(text()),
        }
        .into(),
        Home {
            issuer: text(),
            discovery_url: text(),
            signed_in: Some(SignedIn {
                person: text(),
                email: text(),
                email_verified: false,
                groups: vec![text()],
                connector_name: text(),
                minutes_since: 0,
                minutes_left: 0,
                longer_if_used: true,
                logout_url: text(),
            }),
        }
        .into(),
    ]
}

#[test]
fn the_front_page_tells_spans_in_words_and_who_vouches_for_an_address() {
    let drawn = |since, left, email_verified| {
        let signed_in = SignedIn {
            person: "jane@acme.example".into(),
            email: "jane@acme.example".into(),
            email_verified,
            minutes_since: since,
            minutes_left: left,
            ..SignedIn::default()
        };
        let home = Home {
            signed_in: Some(signed_in),
            ..Home::default()
        };
        draw(&acme(), home)
    };
    for (minutes, since, left) in [
        (0, "Less than a minute ago", "Less than a minute"),
        (1, "A minute ago", "A minute"),
        (119, "119 minutes ago", "119 minutes"),
        (120, "2 hours ago", "2 hours"),
        (2879, "47 hours ago", "47 hours"),
        (2880, "2 days ago", "2 days"),
    ] {
        let page = drawn(minutes, minutes, true);
        assert!(
            page.contains(&format!("id=\"since\">{since}</dd>")),
            "{page}"
        );
        assert!(page.contains(&format!("id=\"left\">{left}</dd>")), "{page}");
        assert!(!page.contains("id=\"email\""), "it is told already: {page}");
    }
    assert!(drawn(0, 0, false).contains("jane@acme.example</bdi> (not confirmed)"));
}

#[test]
fn nothing_anybody_types_becomes_markup() {
    let mut branding = Branding::named(HOSTILE);
    branding.logo = Some(format!("data:image/png;{HOSTILE}"));
    branding.links = Links {
        terms: Some(HOSTILE.into()),
        privacy: Some(HOSTILE.into()),
        support: Some(HOSTILE.into()),
    };
    branding.extra = BTreeMap::from([
        ("tagline".into(), HOSTILE.into()),
        ("taglineDetail".into(), HOSTILE.into()),
    ]);
    branding.texts = BTreeMap::from([(
        "en".into(),
        BTreeMap::from([
            ("login.title".into(), format!("{HOSTILE} {{ $client }}")),
            ("footer.terms".into(), HOSTILE.into()),
            ("password.show".into(), HOSTILE.into()),
        ]),
    )]);
    let theme = theme_of(branding);
    for page in hostile_pages() {
        for dex_ids in [false, true] {
            let ctx = RenderContext {
                dex_ids,
                ..english()
            };
            let body = theme.render(&page, &ctx).unwrap().body;
            assert!(!body.contains("<script>"), "{} in {body}", page.template());
            assert!(
                !body.contains("\"'&") && !body.contains("\"&#39;"),
                "{}",
                page.template()
            );
        }
    }
}

/// The one thing that `form-action` would hold where it is left out.
#[test]
fn nothing_on_a_page_adds_a_form_or_sends_one_elsewhere() {
    let planted = "\"><form action=\"https://evil.example\"><input formaction=\"//evil.example";
    let text = || planted.to_owned();
    let fields = || vec![(text(), text())];
    let password = Password {
        connector_name: Some(text()),
        client_name: text(),
        username_label: Some(text()),
        username: text(),
        action: "/own".into(),
        fields: fields(),
        back: Some(text()),
        reset: Some(text()),
        ..Password::default()
    };
    let consent = Consent {
        client_name: text(),
        client_host: Some(text()),
        user_display: text(),
        scopes: vec![ScopeItem::named(planted)],
        action: "/own".into(),
        fields: fields(),
    };
    let logout = LogoutConfirm {
        client_name: Some(text()),
        user_display: Some(text()),
        action: "/own".into(),
        fields: fields(),
        elsewhere: 1,
        cancel: Some(text()),
    };
    let form_post = FormPost {
        action: "/own".into(),
        fields: fields(),
        client_name: Some(text()),
    };
    let pages: [Page; 4] = [
        password.into(),
        consent.into(),
        logout.into(),
        form_post.into(),
    ];
    for page in pages {
        let body = draw(&acme(), page.clone());
        let name = page.template();
        assert_eq!(body.matches("<form").count(), 1, "{name}: {body}");
        assert_eq!(body.matches(" action=\"").count(), 1, "{name}: {body}");
        assert!(body.contains(" action=\"/own\""), "{name}: {body}");
        assert!(!body.contains(" formaction=\""), "{name}: {body}");
    }
}

#[test]
fn a_hostile_base_path_stays_in_its_attribute() {
    for (base_path, hostile) in [
        ("//evil.example", "evil.example"),
        ("/\"><script>", "\"><script>"),
    ] {
        let ctx = RenderContext {
            base_path,
            ..english()
        };
        let body = acme().render(&sample("password"), &ctx).unwrap().body;
        assert!(!body.contains(hostile), "{body}");
    }
}

#[test]
fn the_name_and_the_links_of_a_tenant_stand_on_its_pages() {
    let plain = draw(&theme_of(Branding::named("Initech")), sample("password"));
    assert!(plain.contains("Initech"), "{plain}");
    let mut branding = Branding::named("Initech");
    branding.links = Links {
        terms: Some("https://initech.test/terms".into()),
        privacy: Some("https://initech.test/privacy".into()),
        support: Some("mailto:help@initech.test".into()),
    };
    let body = draw(&theme_of(branding), sample("password"));
    for (to, text) in [
        ("https://initech.test/terms", "Terms"),
        ("https://initech.test/privacy", "Privacy"),
        ("mailto:help@initech.test", "Help"),
    ] {
        let link = format!("<a href=\"{to}\">{text}</a>");
        assert!(body.contains(&link), "{link}: {body}");
        assert!(!plain.contains(&format!(">{text}</a>")), "{plain}");
    }
}

#[test]
fn a_link_that_would_run_as_code_leads_nowhere() {
    let page = LoggedOut {
        client_name: None,
        return_to: Some("javascript:alert(1)".into()),
        frames: vec!["javascript:alert(2)".into()],
    };
    let body = draw(&acme(), page);
    assert!(body.contains("id=\"return\" href=\"#\""));
    assert!(!body.contains("javascript:"), "{body}");
    let page = FormPost {
        action: "com.example.app:/cb".into(),
        ..FormPost::default()
    };
    assert!(draw(&acme(), page).contains("action=\"com.example.app:/cb\""));
}

#[test]
fn hooks_for_password_managers_and_robots_do_not_change() {
    let expected: [(&str, &[&str]); 9] = [
        (
            "device",
            &[
                "id=\"user_code\" name=\"user_code\"",
                "id=\"submit-device\"",
            ],
        ),
        (
            "device-confirm",
            &[
                "name=\"device\" value=\"confirm\"",
                "name=\"device\" value=\"deny\"",
                "id=\"submit-approve\"",
                "id=\"submit-deny\"",
            ],
        ),
        (
            "password",
            &[
                "id=\"login\" name=\"login\"",
                "autocomplete=\"username\"",
                "id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\"",
                "id=\"submit-login\"",
                "name=\"remember_me\"",
                "action=\"/auth/local/login?req=abc\"",
            ],
        ),
        (
            "identifier",
            &[
                "id=\"login\"",
                "autocomplete=\"username webauthn\"",
                "id=\"submit-login\"",
            ],
        ),
        (
            "chooser",
            &[
                "id=\"connector-local\"",
                "href=\"/auth/local?req=abc&amp;back=1\"",
            ],
        ),
        (
            "consent",
            &[
                "name=\"approval\" value=\"approve\"",
                "name=\"approval\" value=\"rejected\"",
                "id=\"submit-approve\"",
                "id=\"submit-deny\"",
            ],
        ),
        ("error-fault", &["id=\"incident\"", "id=\"error-title\""]),
        ("logout-confirm", &["id=\"submit-logout\""]),
        (
            "form-post",
            &["id=\"form-post\" method=\"post\"", "id=\"submit-continue\""],
        ),
    ];
    for (name, hooks) in expected {
        let body = draw(&acme(), sample(name));
        for hook in hooks {
            assert!(body.contains(hook), "{name} lost {hook}");
        }
    }
}

#[test]
fn the_dex_dialect_carries_dex_ids_and_classes() {
    let ctx = RenderContext {
        dex_ids: true,
        ..english()
    };
    let body = acme().render(&sample("password-wrong"), &ctx).unwrap().body;
    for hook in [
        "id=\"login-error\"",
        "dex-btn theme-btn--primary",
        "theme-panel",
    ] {
        assert!(body.contains(hook), "{hook}");
    }
    assert!(!draw(&acme(), sample("password-wrong")).contains("dex-"));
}

#[test]
fn an_error_takes_the_focus_and_describes_its_fields() {
    let body = draw(&acme(), sample("password-wrong"));
    assert!(body.contains("id=\"error-summary\" role=\"alert\" tabindex=\"-1\" autofocus"));
    assert_eq!(
        body.matches("aria-describedby=\"error-summary\"").count(),
        2
    );
    assert_eq!(body.matches(" autofocus").count(), 1);
}

#[test]
fn every_language_has_every_text_and_every_text_is_used() {
    let theme = acme();
    let locales = &theme.shared.locales;
    let english = locales.keys("en");
    assert!(english.len() > 60);
    for language in ["de", "fr"] {
        assert_eq!(locales.keys(language), english, "{language}");
    }
    let mut sources = String::new();
    for folder in ["themes/base/templates", "libs/theming/src"] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../..")
            .join(folder);
        for path in crate::library::entries(&root).unwrap() {
            sources.push_str(&fs::read_to_string(path).unwrap_or_default());
        }
    }
    let built = ["error-", "scope-", "identifier-"];
    for key in english
        .iter()
        .filter(|key| !built.iter().any(|start| key.starts_with(start)))
    {
        let written = key.replacen('-', ".", 1);
        let also =
            key.replacen("logged-out-", "logged-out.", 1)
                .replacen("form-post-", "form-post.", 1);
        assert!(
            sources.contains(&written) || sources.contains(&also),
            "{key} is used nowhere"
        );
    }
}

#[test]
fn a_tenants_words_replace_the_themes_by_key() {
    let mut branding = Branding::named("Acme");
    let texts = [
        ("login.title", "Welcome back to { $client }"),
        ("password-submit", "Go"),
    ];
    branding.texts.insert(
        "en".into(),
        texts
            .iter()
            .map(|(key, text)| ((*key).to_owned(), (*text).to_owned()))
            .collect(),
    );
    let theme = theme_of(branding);
    let body = draw(&theme, sample("password"));
    assert!(
        body.contains("<h1>Welcome back to Acme Portal</h1>"),
        "{body}"
    );
    assert!(body.contains("type=\"submit\">Go</button>"));
    let german = RenderContext {
        lang: "de",
        ..english()
    };
    let body = theme.render(&sample("password"), &german).unwrap().body;
    assert!(body.contains("<h1>Bei Acme Portal anmelden</h1>"));
}

#[test]
fn a_language_of_ones_own_runs_its_own_way_and_borrows_what_it_lacks() {
    let mut branding = Branding::named("Acme");
    branding.languages = vec!["ar".into(), "en".into()];
    let arabic = BTreeMap::from([("login.title".to_owned(), "مرحبا { $client }".to_owned())]);
    branding.texts.insert("ar".into(), arabic);
    let theme = theme_of(branding);
    let lang = theme.negotiate(&["ar-EG"], &NONE);
    let html = theme.render(
        &sample("password"),
        &RenderContext {
            lang: &lang,
            ..english()
        },
    );
    let body = html.unwrap().body;
    assert!(body.contains("<html lang=\"ar\" dir=\"rtl\">"));
    assert!(body.contains("مرحبا Acme Portal") && body.contains(">Password</label>"));
}

#[test]
fn languages_are_those_the_tenant_offers_its_first_being_the_default() {
    let mut branding = Branding::named("Acme");
    branding.languages = vec!["de".into(), "fr".into(), "tlh".into()];
    let theme = theme_of(branding);
    assert_eq!(theme.languages(), ["de", "fr"]);
    assert_eq!(theme.negotiate(&["en"], &["en"]), "de");
    assert_eq!(acme().languages(), ["en", "de", "fr"]);
}

#[test]
fn tenants_without_a_folder_share_everything_but_their_branding() {
    let library = library();
    let one = library.theme(&ThemeRequest::default()).unwrap();
    let branding = Branding::named("Globex");
    let two = library
        .theme(&ThemeRequest {
            branding,
            ..ThemeRequest::default()
        })
        .unwrap();
    assert!(Arc::ptr_eq(&one.shared, &two.shared));
    assert!(Arc::ptr_eq(&one.style, &two.style));
    assert!(size_of::<Theme>() < 600, "{}", size_of::<Theme>());
}

#[test]
fn colours_reach_the_style_sheet_as_numbers() {
    let mut branding = Branding::named("Acme");
    branding.colors.light = Tokens {
        accent: Color::parse("#ffe066").ok(),
        ..Tokens::default()
    };
    branding.radius = Some(200);
    branding.scheme = Some(Scheme::Light);
    let theme = theme_of(branding);
    let css = theme.style.css();
    assert!(css.contains("--accent:#ffe066;") && css.contains("--on-accent:#000000;"));
    assert!(css.contains("--radius:32px") && !css.contains("prefers-color-scheme:dark"));
}

fn overlay(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn laid_over(folder: &Path, branding: Branding) -> Result<Arc<Theme>, ThemeError> {
    let overlay = Some(folder.to_owned());
    library().theme(&ThemeRequest {
        base: "base".into(),
        overlay,
        branding,
    })
}

#[test]
fn a_tenants_folder_overrides_logo_styles_words_tokens_and_templates() {
    let folder = overlay(&[
        ("logo.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>"),
        ("static/fonts/own.woff2", "font"),
        (
            "style.css",
            "h1 { color: red; background: url(asset:fonts/own.woff2) }",
        ),
        ("locales/en.ftl", "password-submit = Let me in\n"),
        ("theme.yaml", "tokens: { light: { accent: \"#ff0000\" } }\n"),
        (
            "templates/home.html",
            "<p>{{ t('footer.terms') }} {{ extra('motto') }}</p>",
        ),
    ]);
    let mut branding = Branding::named("Acme");
    branding.logo = Some("theme/logo.svg".into());
    branding.extra.insert("motto".into(), "a<b".into());
    let theme = laid_over(folder.path(), branding).unwrap();
    let ctx = RenderContext {
        base_path: "/initech/",
        ..english()
    };
    let body = theme.render(&sample("password"), &ctx).unwrap().body;

    let at = body
        .find("<img src=\"/initech/static/")
        .expect("the logo is shown");
    let path: String = body[at + 10..].chars().take_while(|c| *c != '"').collect();
    let asset = exact(&theme, path.strip_prefix("/initech").unwrap()).unwrap();
    assert_eq!(asset.content_type, "image/svg+xml");
    assert_eq!(theme.asset("logo.svg"), Some((asset, AskedBy::Name)));
    assert!(theme.asset("../theme.yaml").is_none());

    let sheets = files_of(&body);
    let sheets: Vec<_> = sheets
        .iter()
        .filter(|path| path.contains("/theme/"))
        .map(|path| path.strip_prefix("/initech").expect("below the issuer"))
        .collect();
    let text = |path: &str| {
        let asset = exact(&theme, path).expect("the file that a page names");
        String::from_utf8(asset.bytes.to_vec()).unwrap()
    };
    assert!(text(sheets[0]).contains("--accent:#ff0000;"));
    let rules = text(sheets[1]);
    assert!(rules.contains("h1{color:red;background:url(../fonts/"));
    let font = rules.split("url(..").nth(1).unwrap();
    let font = font.split(')').next().unwrap();
    assert!(exact(&theme, &format!("/static{font}")).is_some(), "{font}");
    assert!(body.contains(">Let me in</button>"));
    assert_eq!(draw(&theme, sample("home")), "<p>Terms a&lt;b</p>");
    assert!(
        draw(&acme(), sample("home")).contains("<h1>"),
        "the shared theme is untouched"
    );
}

#[test]
fn a_file_asked_for_by_another_hash_is_the_one_there_is_now() {
    let old = laid_over(
        overlay(&[("style.css", "a{color:red}")]).path(),
        Branding::default(),
    );
    let new = laid_over(
        overlay(&[("style.css", "a{color:blue}")]).path(),
        Branding::default(),
    );
    let (old, new) = (old.unwrap(), new.unwrap());
    let [own, other] = [&old, &new].map(|theme| files_of(&draw(theme, sample("home"))));
    assert_eq!(own[0], other[0], "the colours are the same");
    assert_ne!(own[1], other[1]);
    let (found, asked_by) = at(&new, &own[1]).unwrap();
    assert_eq!(asked_by, AskedBy::OtherHash);
    assert!(found.bytes.ends_with(b"a{color:blue}"));
    for nothing in [
        "/static/0123456789abcdef-nothing.css",
        "/static/theme/0123456789abcdef-nothing.css",
        "/static/0123456789abcdef-style.css",
        "/static/style.css",
    ] {
        assert_eq!(at(&new, nothing), None, "{nothing}");
    }
}

#[test]
fn the_page_of_the_built_in_theme_that_stands_in_finds_its_files() {
    let folder = overlay(&[
        ("templates/home.html", "{{ page.nothing }}"),
        ("style.css", "a{color:red}"),
        ("static/password.js", "own()"),
    ]);
    let mut branding = Branding::named("Acme");
    branding.colors.light.accent = Color::parse("#ffe066").ok();
    let theme = laid_over(folder.path(), branding).unwrap();
    let drawn = theme.draw(&sample("home"), &english());
    assert!(drawn.fault.is_some());
    let sheets = files_of(&drawn.html.unwrap().body);
    assert_eq!(sheets.len(), 2);
    let [colours, rules] = [0, 1].map(|at: usize| exact(&theme, &sheets[at]).unwrap().bytes);
    assert!(String::from_utf8_lossy(&colours).contains("--accent:#ffe066;"));
    assert!(!rules.ends_with(b"a{color:red}"));
    let drawn = theme.draw(&sample("password"), &english());
    let script = files_of(&drawn.html.unwrap().body).pop().unwrap();
    assert_eq!(&exact(&theme, &script).unwrap().bytes[..], b"own()");
}

#[test]
fn what_is_wrong_with_a_folder_is_told_with_its_place() {
    let cases = [
        (vec![("templates/home.html", "{% if %}")], "home.html"),
        (
            vec![("locales/en.ftl", "password-submit = ok\n= nothing\n")],
            "line 2",
        ),
        (
            vec![("locales/not_a_language_at_all.ftl", "a = b\n")],
            "language tag",
        ),
        (
            vec![("theme.yaml", "tokens: { light: { accent: red } }\n")],
            "#rrggbb",
        ),
        (vec![("theme.yaml", "colours: {}\n")], "colours"),
        (
            vec![("style.css", "a { src: url(asset:none.woff2) }")],
            "none.woff2",
        ),
    ];
    for (files, told) in cases {
        let folder = overlay(&files);
        let error = laid_over(folder.path(), Branding::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn a_template_that_asks_for_what_is_not_there_or_never_ends_fails_alone() {
    for text in [
        "{{ page.nothing }}",
        "{% for a in range(100000) %}{% for b in range(100000) %}{{ b }}{% endfor %}{% endfor %}",
        "{{ t('no.such.text') }}",
    ] {
        let folder = overlay(&[("templates/home.html", text)]);
        let theme = laid_over(folder.path(), Branding::default()).unwrap();
        let error = theme.render(&sample("home"), &english()).unwrap_err();
        assert!(error.to_string().contains("home.html"), "{error}");
        assert!(theme.render(&sample("password"), &english()).is_ok());
    }
}

/// A theme whose front page is `text`.
fn with_home(text: &str) -> Result<Arc<Theme>, ThemeError> {
    let folder = overlay(&[("templates/home.html", text)]);
    let branding = Branding {
        texts: BTreeMap::from([(
            "en".into(),
            BTreeMap::from([("login.title".into(), "{client}{client}".into())]),
        )]),
        ..Branding::named("Acme")
    };
    laid_over(folder.path(), branding)
}

#[test]
fn a_template_that_makes_texts_without_end_is_stopped_before_memory_is_gone() {
    let double = |step: &str| format!("{{% set x = 'xxxxxxxx' %}}{}{{{{ x }}}}", step.repeat(64));
    let k = "x".repeat(1024);
    for text in [
        double("{% set x = x|replace('x', 'xx') %}"),
        double("{% set x = [x, x]|join %}"),
        double("{% set x = x|replace('', 'xxxx') %}"),
        double("{% set x %}{{ x }}{{ x }}{% endset %}"),
        double("{% set x = t('login.title', client=x) %}"),
        double("{% set x = [x, x] %}"),
        double("{% set x = [x, x] %}") + "{{ x|join }}",
        double("{% set x = [x, x] %}") + "{{ x|upper }}",
        double("{% set x = [x, x] %}") + "{{ x|e }}",
        double("{% set x = [x, x] %}") + "{{ t('login.title', client=x) }}",
        format!("{{% for a in range(100000) %}}{k}{{% endfor %}}"),
        format!(
            "{{% set x %}}{{% for a in range(100000) %}}{k}{{% endfor %}}{{% endset %}}{{{{ x }}}}"
        ),
        "{% macro m(n) %}{{ m(n) }}{{ m(n) }}{% endmacro %}{{ m(1) }}".to_owned(),
        "{% include 'home.html' %}{% include 'home.html' %}".to_owned(),
        "{{ ['x']|map('upper')|join }}".to_owned(),
        "{{ '%1000000000d'|format(1) }}".to_owned(),
        "{{ 'x'|indent(1000000000, true) }}".to_owned(),
    ] {
        let theme = with_home(&text).unwrap();
        let error = theme.render(&sample("home"), &english()).unwrap_err();
        assert!(error.to_string().contains("home.html"), "{text}: {error}");
    }
}

#[test]
fn a_template_that_puts_texts_together_by_an_operator_is_told_when_it_loads() {
    for text in [
        "{{ 'a' ~ 'b' }}",
        "{{ 'a' + 'b' }}",
        "{{ 'a' * 9 }}",
        "{{ 'abc'[1:] }}",
    ] {
        let error = with_home(text).unwrap_err().to_string();
        assert!(
            error.contains("home.html") && error.contains("in line 1"),
            "{error}"
        );
    }
    let long = "x".repeat(64 * 1024 + 1);
    let error = with_home(&long).unwrap_err().to_string();
    assert!(error.contains("is longer than 64 KiB"), "{error}");
}

#[test]
fn a_page_that_fails_is_drawn_by_the_built_in_theme_and_told_once_a_minute() {
    let theme = with_home("{{ page.nothing }}").unwrap();
    let drawn = theme.draw(&sample("home"), &english());
    let body = drawn.html.unwrap().body;
    assert!(body.contains("Acme") && body.contains("</html>"), "{body}");
    let fault = drawn.fault.unwrap();
    assert!(fault.to_string().contains("home.html"), "{fault}");
    assert!(theme.draw(&sample("password"), &english()).fault.is_none());

    assert_eq!(theme.last_failure(), None);
    let at = |seconds| theme.note_failure(&fault, Duration::from_secs(seconds));
    assert_eq!(at(100), Some(1));
    assert_eq!(at(101), None);
    assert_eq!(at(159), None);
    assert_eq!(at(160), Some(3));
    assert_eq!(theme.last_failure(), Some(fault.to_string()));
}

#[test]
fn check_tells_of_pages_that_could_not_be_drawn() {
    let folder = overlay(&[("templates/home.html", "{{ page.nothing }}")]);
    let request = ThemeRequest {
        overlay: Some(folder.path().to_owned()),
        ..ThemeRequest::default()
    };
    let problems = library().check(&request);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert!(problems[0].contains("home.html"), "{problems:#?}");
}

#[test]
fn a_logo_that_is_missing_or_elsewhere_gives_way_to_the_initial() {
    for logo in ["theme/none.svg", "https://cdn.example/logo.png"] {
        let mut branding = Branding::named("Acme");
        branding.logo = Some(logo.into());
        let request = ThemeRequest {
            branding,
            ..ThemeRequest::default()
        };
        let body = draw(&library().theme(&request).unwrap(), sample("password"));
        assert!(
            !body.contains("<img") && body.contains("class=\"mark\""),
            "{logo}"
        );
        assert_eq!(library().check(&request).len(), 1, "{logo}");
    }
}

#[test]
fn check_tells_every_problem_at_once() {
    let mut branding = Branding::named("Acme");
    branding.languages = vec!["en".into(), "tlh".into()];
    branding.texts = BTreeMap::from([(
        "en".into(),
        BTreeMap::from([
            ("login.titel".into(), "x".into()),
            ("login.title".into(), "y".into()),
        ]),
    )]);
    branding.radius = Some(40);
    let request = ThemeRequest {
        branding,
        ..ThemeRequest::default()
    };
    let problems = library().check(&request);
    assert_eq!(problems.len(), 3, "{problems:#?}");
    let request = ThemeRequest {
        base: "nope".into(),
        ..ThemeRequest::default()
    };
    assert!(library().check(&request)[0].contains("known themes: base, midnight"));
}
