use scraper::{ElementRef, Html, Selector};

/// A page, as far as somebody who fills in forms reads it.
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
        let document = Html::parse_document(html);
        Self {
            html: html.to_owned(),
            forms: document.select(&css("form")).map(Form::read).collect(),
            links: document
                .select(&css("a"))
                .map(|link| attribute(link, "href"))
                .collect(),
        }
    }

    /// Whether an element has this id.
    pub fn has(&self, id: &str) -> bool {
        self.attributes("[id]", "id").iter().any(|have| have == id)
    }

    /// What the elements that a CSS selector finds say in an attribute.
    pub fn attributes(&self, selector: &str, name: &str) -> Vec<String> {
        let (document, selector) = (Html::parse_document(&self.html), css(selector));
        let found = document.select(&selector);
        found.map(|element| attribute(element, name)).collect()
    }

    /// The text of the first element that a CSS selector finds.
    pub fn text_of(&self, selector: &str) -> Option<String> {
        let document = Html::parse_document(&self.html);
        let found = document.select(&css(selector)).next();
        found.map(|element| element.text().collect())
    }

    /// The addresses of its style sheets and scripts.
    pub fn files(&self) -> Vec<String> {
        let mut files = self.attributes("link[rel=stylesheet]", "href");
        files.extend(self.attributes("script", "src"));
        files
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
        let document = Html::parse_document(&self.html);
        let mut words = Vec::new();
        for node in document.tree.root().descendants() {
            let within = node.parent();
            let within = within.as_ref().and_then(|node| node.value().as_element());
            let is_silent = within.is_some_and(|e| matches!(e.name(), "style" | "script"));
            if let Some(text) = node.value().as_text().filter(|_| !is_silent) {
                words.extend(text.split_whitespace().map(str::to_owned));
            }
        }
        words.join(" ")
    }
}

impl Form {
    fn read(form: ElementRef<'_>) -> Self {
        let mut read = Self {
            id: attribute(form, "id"),
            action: attribute(form, "action"),
            method: attribute(form, "method").to_ascii_lowercase(),
            ..Self::default()
        };
        for part in form.select(&css("input, button")) {
            let is_button = part.value().name() == "button";
            let default = if is_button { "submit" } else { "text" };
            let field = Field {
                id: attribute(part, "id"),
                name: attribute(part, "name"),
                value: attribute(part, "value"),
                kind: part.attr("type").unwrap_or(default).to_owned(),
                autocomplete: attribute(part, "autocomplete"),
            };
            match field.kind.as_str() {
                "submit" => read.buttons.push(field),
                "button" => {}
                "checkbox" | "radio" if part.attr("checked").is_none() => {}
                _ => read.fields.push(field),
            }
        }
        read
    }

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

/// An attribute's value, empty where it is not there.
fn attribute(element: ElementRef<'_>, name: &str) -> String {
    element.attr(name).unwrap_or_default().to_owned()
}

fn css(selector: &str) -> Selector {
    Selector::parse(selector).unwrap_or_else(|error| panic!("{selector}: {error}"))
}
