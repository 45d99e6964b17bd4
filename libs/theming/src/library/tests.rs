use std::fs;

use super::*;
use crate::page::Page;
use crate::theme::RenderContext;

fn themes(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn request(base: &str) -> ThemeRequest {
    ThemeRequest {
        base: base.into(),
        ..ThemeRequest::default()
    }
}

#[test]
fn the_built_in_themes_are_those_of_the_themes_folder() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../themes");
    let (files, built_in) = (
        ThemeLibrary::load(&folder).unwrap(),
        ThemeLibrary::embedded().unwrap(),
    );
    assert_eq!(files.names(), built_in.names());
    for name in built_in.names() {
        let (a, b) = (
            files.theme(&request(&name)).unwrap(),
            built_in.theme(&request(&name)).unwrap(),
        );
        assert_eq!(a.style.css(), b.style.css(), "{name}");
        for (sample, page) in Page::samples() {
            let ctx = RenderContext {
                lang: "de",
                ..RenderContext::default()
            };
            let (a, b) = (
                a.render(&page, &ctx).unwrap(),
                b.render(&page, &ctx).unwrap(),
            );
            assert_eq!(a, b, "{name}/{sample}");
        }
    }
}

#[test]
fn a_server_without_a_themes_folder_has_pages() {
    let library = ThemeLibrary::load(Path::new("/nonexistent")).unwrap();
    assert_eq!(library.names(), ["base", "midnight"]);
}

#[test]
fn midnight_changes_tokens_and_styles_and_shares_the_rest() {
    let library = ThemeLibrary::embedded().unwrap();
    let (base, midnight) = (
        library.shared("base").unwrap(),
        library.shared("midnight").unwrap(),
    );
    assert!(Arc::ptr_eq(&base.templates, &midnight.templates));
    assert!(Arc::ptr_eq(&base.locales, &midnight.locales));
    let theme = library.theme(&request("midnight")).unwrap();
    let css = theme.style.css();
    assert!(css.starts_with(":root{color-scheme:dark;") && css.contains("--accent:#a78bfa"));
}

#[test]
fn the_theme_names_of_dex_are_understood() {
    let library = ThemeLibrary::embedded().unwrap();
    for (name, ours) in [
        ("", "base"),
        ("light", "base"),
        ("coreos", "base"),
        ("dark", "midnight"),
    ] {
        assert_eq!(library.shared(name).unwrap().name, ours, "{name}");
    }
}

#[test]
fn a_theme_stands_on_another_and_overrides_by_name() {
    let folder = themes(&[
        ("wide/theme.yaml", "extends: midnight\nfont: serif\n"),
        ("wide/templates/home.html", "wide"),
    ]);
    let library = ThemeLibrary::load(folder.path()).unwrap();
    let theme = library.theme(&request("wide")).unwrap();
    let css = theme.style.css();
    assert!(css.contains("--accent:#a78bfa") && css.contains("Georgia"));
}

#[test]
fn themes_that_cannot_work_are_refused_when_they_load() {
    let cases = [
        (
            vec![
                ("a/theme.yaml", "extends: b\n"),
                ("b/theme.yaml", "extends: a\n"),
            ],
            "itself",
        ),
        (vec![("a/theme.yaml", "extends: nowhere\n")], "nowhere"),
        (vec![("a/templates/home.html", "alone")], "extend base"),
    ];
    for (files, told) in cases {
        let folder = themes(&files);
        let error = ThemeLibrary::load(folder.path()).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn a_bad_reload_leaves_the_themes_as_they_were() {
    let folder = themes(&[("wide/theme.yaml", "extends: base\nradius: 3\n")]);
    let library = ThemeLibrary::load(folder.path()).unwrap();
    fs::write(folder.path().join("wide/theme.yaml"), "extends: nowhere\n").unwrap();
    assert!(library.reload().is_err());
    assert!(
        library
            .theme(&request("wide"))
            .unwrap()
            .style
            .css()
            .contains("--radius:3px")
    );
    fs::write(
        folder.path().join("wide/theme.yaml"),
        "extends: base\nradius: 4\n",
    )
    .unwrap();
    library.reload().unwrap();
    assert!(
        library
            .theme(&request("wide"))
            .unwrap()
            .style
            .css()
            .contains("--radius:4px")
    );
}

#[test]
fn a_tenants_theme_serves_no_file_from_beside_its_folder() {
    use std::os::unix::fs::symlink;
    let folder = themes(&[("key", "secret"), ("acme/theme/logo.svg", "<svg/>")]);
    let library = ThemeLibrary::embedded().unwrap();
    let theme = folder.path().join("acme/theme");
    let request = ThemeRequest {
        overlay: Some(theme.clone()),
        ..request("base")
    };
    assert!(library.theme(&request).is_ok());
    for (name, target) in [
        ("logo.png", folder.path().join("key")),
        ("static", folder.path().to_owned()),
        ("style.css", "/dev/zero".into()),
    ] {
        symlink(target, theme.join(name)).unwrap();
        let said = library.theme(&request).unwrap_err().to_string();
        assert!(said.contains("outside the folders"), "{name}: {said}");
        fs::remove_file(theme.join(name)).unwrap();
    }
    let library = library.allowing(Allowed::new(&[folder.path().to_owned()], &[]));
    symlink(folder.path().join("key"), theme.join("logo.png")).unwrap();
    assert!(library.theme(&request).is_ok(), "where the server says so");
}
