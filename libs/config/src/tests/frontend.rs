use super::{dexs, ours};

#[test]
fn a_frontend_is_read_with_every_field() {
    let folder = ours(
        r##"
frontend:
  theme: midnight
  issuer: Acme
  logoURL: theme/logo.svg
  colors: { light: { accent: "#123456" }, dark: { accent: "#abcdef" } }
  links: { terms: https://acme.test/terms, support: mailto:help@acme.test }
  languages: [en, pt-BR]
  texts: { en: { login.title: Welcome } }
  extra: { tagline: Faster, year: 2030 }
"##,
    )
    .file("theme/logo.svg", "<svg/>");
    let frontend = folder.spec().frontend;
    assert_eq!(
        (frontend.theme.as_str(), frontend.issuer_name.as_str()),
        ("midnight", "Acme")
    );
    assert_eq!(frontend.logo_url.as_deref(), Some("theme/logo.svg"));
    assert_eq!(frontend.overlay, Some(folder.dir.path().join("theme")));
    assert_eq!(frontend.light["accent"], "#123456");
    assert_eq!(frontend.dark["accent"], "#abcdef");
    assert_eq!(
        frontend.links.terms.as_deref(),
        Some("https://acme.test/terms")
    );
    assert_eq!(frontend.links.privacy, None);
    assert_eq!(frontend.languages, ["en", "pt-BR"]);
    assert_eq!(frontend.texts["en"]["login.title"], "Welcome");
    assert_eq!(frontend.extra["year"], "2030");
}

#[test]
fn a_tenant_without_a_name_goes_by_its_folder() {
    let frontend = ours("").spec().frontend;
    assert_eq!(
        (frontend.theme.as_str(), frontend.issuer_name.as_str()),
        ("base", "acme")
    );
    assert_eq!(frontend.overlay, None);
}

#[test]
fn what_a_page_must_not_show_is_refused() {
    for (fields, cause) in [
        (
            "links: { terms: 'javascript:alert(1)' }",
            "is not a link people could follow",
        ),
        (
            "links: { privacy: 'mailto:a@b.test' }",
            "is not a link people could follow",
        ),
        ("logoURL: https://cdn.test/logo.png", "is on another host"),
        ("logoURL: theme/../../key", "is not in the theme folder"),
        ("logoURL: theme/none.svg", "is not in the theme folder"),
        ("theme: ../etc", "is not the name of a theme"),
        ("languages: [english]", "is not a language tag"),
        ("texts: { english: { a: b } }", "is not a language tag"),
    ] {
        let said = ours(&format!("frontend: {{ {fields} }}\n")).only();
        assert!(
            said.starts_with("error") && said.contains(cause),
            "{fields}: {said}"
        );
    }
}

#[test]
fn dexs_own_logo_and_theme_names_are_taken_as_they_are() {
    let frontend = dexs("frontend: { theme: dark, logoURL: theme/logo.png }\n")
        .spec()
        .frontend;
    assert_eq!(frontend.theme, "dark");
    assert_eq!(frontend.logo_url, None);
    let said = dexs("frontend: { dir: /srv/dex/web }\n").only();
    assert!(
        said.starts_with("warning") && said.contains("templates of another make"),
        "{said}"
    );
}
