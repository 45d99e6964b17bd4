/// A page, as far as somebody who fills in forms reads it.
///
/// Reads pages of ours, whose attributes always stand in quotes; it is no reader for the web.
#[derive(Debug, Clone)]
pub struct Page {
    /// The whole of it.
    pub html: String,
    /// Its forms.
    pub forms: Vec<Form>,
    /// Its links.
    pub links: Vec<String>,
}

/// A form.
#[derive(Debug, Clone, Default)]
pub struct Form {
    /// Its id.
    pub id: String,
    /// Where it goes.
    pub action: String,
    /// How.
    pub method: String,
    /// Its inputs.
    pub fields: Vec<Field>,
    /// What submits it.
    pub buttons: Vec<Field>,
}

/// An input or a button.
#[derive(Debug, Clone, Default)]
pub struct Field {
    /// `id`
    pub id: String,
    /// `name`
    pub name: String,
    /// `value`
    pub value: String,
    /// `type`
    pub kind: String,
    /// `autocomplete`
    pub autocomplete: String,
}

impl Page {
    /// Reads a page.
    pub fn read(html: &str) -> Self {
        let mut page = Self {
            html: html.to_owned(),
            forms: Vec::new(),
            links: Vec::new(),
        };
        let mut open: Option<Form> = None;
        for tag in tags(html) {
            let get = |name: &str| attribute(tag, name).unwrap_or_default();
            match name_of(tag) {
                "a" => page.links.push(get("href")),
                "form" => {
                    open = Some(Form {
                        id: get("id"),
                        action: get("action"),
                        method: get("method").to_ascii_lowercase(),
                        ..Form::default()
                    });
                }
                "/form" => page.forms.extend(open.take()),
                kind @ ("input" | "button") => {
                    let default = if kind == "button" { "submit" } else { "text" };
                    let field = Field {
                        id: get("id"),
                        name: get("name"),
                        value: get("value"),
                        kind: attribute(tag, "type").unwrap_or_else(|| default.to_owned()),
                        autocomplete: get("autocomplete"),
                    };
                    let Some(form) = &mut open else { continue };
                    match field.kind.as_str() {
                        "submit" => form.buttons.push(field),
                        "button" => {}
                        _ => form.fields.push(field),
                    }
                }
                _ => {}
            }
        }
        page
    }

    /// Whether an element has this id.
    pub fn has(&self, id: &str) -> bool {
        self.html.contains(&format!("id=\"{id}\""))
    }

    /// The form that has a field or button of this id or name.
    pub fn form_with(&self, id: &str) -> Option<&Form> {
        self.forms.iter().find(|form| {
            let mut parts = form.fields.iter().chain(&form.buttons);
            parts.any(|part| part.id == id || part.name == id)
        })
    }

    /// The link to a connector.
    pub fn link_to(&self, connector: &str) -> Option<String> {
        let is_it = |link: &&String| {
            let path = link.split(['?', '#']).next().unwrap_or_default();
            path.ends_with(&format!("/auth/{connector}"))
        };
        self.links.iter().find(is_it).cloned()
    }

    /// Its text, without styles, scripts and tags.
    pub fn words(&self) -> String {
        let mut text = String::new();
        let mut rest = self.html.as_str();
        while let Some((before, after)) = rest.split_once('<') {
            text.push_str(before);
            text.push(' ');
            let (tag, next) = after.split_once('>').unwrap_or((after, ""));
            rest = match name_of(tag) {
                silent @ ("style" | "script") => {
                    let end = format!("</{silent}");
                    next.find(&end).map_or("", |at| &next[at..])
                }
                _ => next,
            };
        }
        text.push_str(rest);
        let words: Vec<_> = text.split_whitespace().collect();
        unescaped(&words.join(" "))
    }
}

impl Form {
    /// The value of a field.
    pub fn value(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|field| field.name == name);
        found.map(|field| field.value.as_str())
    }

    /// What is sent when the button of this id is pressed, after filling in some fields.
    pub fn filled(&self, answers: &[(&str, &str)], button: &str) -> Vec<(String, String)> {
        let mut values = Vec::new();
        for field in self.fields.iter().filter(|field| !field.name.is_empty()) {
            let answer = answers.iter().find(|(name, _)| *name == field.name);
            let value = answer.map_or(field.value.as_str(), |(_, value)| value);
            values.push((field.name.clone(), value.to_owned()));
        }
        let pressed = self.buttons.iter().find(|b| b.id == button);
        if let Some(pressed) = pressed.filter(|b| !b.name.is_empty()) {
            values.push((pressed.name.clone(), pressed.value.clone()));
        }
        values
    }
}

fn tags(html: &str) -> impl Iterator<Item = &str> {
    html.split('<')
        .skip(1)
        .filter_map(|rest| rest.split_once('>').map(|(tag, _)| tag))
}

fn name_of(tag: &str) -> &str {
    tag.split([' ', '\n', '\t']).next().unwrap_or_default()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let mut rest = tag;
    let opening = format!("{name}=\"");
    while let Some(at) = rest.find(&opening) {
        let begins_word = rest[..at].ends_with([' ', '\n', '\t']);
        let after = &rest[at + opening.len()..];
        if begins_word {
            return after.split('"').next().map(unescaped);
        }
        rest = after;
    }
    None
}

fn unescaped(text: &str) -> String {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        done.push_str(before);
        let known = after.split_once(';').and_then(|(entity, next)| {
            let character = match entity {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                _ => {
                    let number = entity.strip_prefix('#')?;
                    let code = match number.strip_prefix(['x', 'X']) {
                        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                        None => number.parse().ok()?,
                    };
                    char::from_u32(code)?
                }
            };
            Some((character, next))
        });
        match known {
            Some((character, next)) => {
                done.push(character);
                rest = next;
            }
            None => {
                done.push('&');
                rest = after;
            }
        }
    }
    done.push_str(rest);
    done
}
