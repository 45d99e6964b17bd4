use std::collections::BTreeMap;

use insula_model::{Frontend, TenantSpec};

use crate::{Branding, Color, Colors, Links, ThemeRequest, Tokens};

/// What a tenant's configuration asks of theming, or everything that is wrong with it.
pub fn theme_request(spec: &TenantSpec) -> Result<ThemeRequest, Vec<String>> {
    let frontend = &spec.frontend;
    let mut problems = Vec::new();
    let branding = Branding {
        name: frontend.issuer_name.clone(),
        logo: logo(spec),
        colors: Colors {
            light: tokens("light", &frontend.light, &mut problems),
            dark: tokens("dark", &frontend.dark, &mut problems),
        },
        links: links(frontend),
        languages: frontend.languages.clone(),
        texts: frontend.texts.clone(),
        extra: frontend.extra.clone(),
        ..Branding::default()
    };
    problems.extend(
        branding
            .check()
            .into_iter()
            .map(|problem| format!("frontend: {problem}")),
    );
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(ThemeRequest {
        base: frontend.theme.clone(),
        overlay: frontend.overlay.clone(),
        branding,
    })
}

fn links(frontend: &Frontend) -> Links {
    Links {
        terms: frontend.links.terms.clone(),
        privacy: frontend.links.privacy.clone(),
        support: frontend.links.support.clone(),
    }
}

/// A dex file may name a logo on another host, which our pages do not load: it goes without, where
/// a tenant of our own format is told.
fn logo(spec: &TenantSpec) -> Option<String> {
    let logo = spec.frontend.logo_url.clone()?;
    let is_elsewhere = logo.contains(':') && !logo.starts_with("data:");
    if spec.rules.leaves_out_logo_of_another_host && is_elsewhere {
        tracing::warn!(tenant.id = %spec.id,
            "tenant {} is shown without its logo, which is on another host; put the file into a \
             theme folder beside the tenant's file", spec.id);
        return None;
    }
    Some(logo)
}

fn tokens(scheme: &str, named: &BTreeMap<String, String>, problems: &mut Vec<String>) -> Tokens {
    let mut tokens = Tokens::default();
    for (name, text) in named {
        let token = match name.as_str() {
            "accent" => &mut tokens.accent,
            "background" => &mut tokens.background,
            "surface" => &mut tokens.surface,
            "text" => &mut tokens.text,
            _ => {
                problems.push(format!(
                    "frontend.colors.{scheme}.{name} is not known; use accent, background, surface \
                     or text"
                ));
                continue;
            }
        };
        match Color::parse(text) {
            Ok(color) => *token = Some(color),
            Err(error) => problems.push(format!("frontend.colors.{scheme}.{name}: {error}")),
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use insula_testkit::a_tenant;

    use super::*;

    #[test]
    fn colours_are_parsed_and_problems_named_all_at_once() {
        let mut spec = a_tenant().build();
        spec.frontend
            .light
            .insert("accent".into(), "#3b5bdb".into());
        let request = theme_request(&spec).unwrap();
        assert_eq!(
            request.branding.colors.light.accent,
            Color::parse("#3b5bdb").ok()
        );

        spec.frontend.dark.insert("accent".into(), "mauve".into());
        spec.frontend.dark.insert("acent".into(), "#fff".into());
        let problems = theme_request(&spec).unwrap_err();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].contains("colors.dark.accent"), "{problems:?}");
        assert!(problems[1].contains("colors.dark.acent"), "{problems:?}");
    }

    #[test]
    fn a_logo_elsewhere_is_left_out_for_dex_and_refused_for_ours() {
        let elsewhere = |spec: &mut TenantSpec| {
            spec.frontend.logo_url = Some("https://cdn.test/logo.png".into());
        };
        let ours = a_tenant().with(elsewhere).build();
        assert!(theme_request(&ours).is_err());
        let dexs = a_tenant().dex().with(elsewhere).build();
        assert_eq!(theme_request(&dexs).unwrap().branding.logo, None);
    }
}
