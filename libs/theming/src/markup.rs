//! Small rules for what may enter a page.

use url::Url;

/// `text` for HTML content and double-quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// `link` if following it leads to another page, `None` if it would run as code or is no URL.
///
/// Parsed as browsers parse it, so that `java\nscript:` is what it is. Private schemes of native
/// apps (`com.example.app:/done`) stay allowed.
pub(crate) fn followable(link: &str) -> Option<&str> {
    match Url::parse(link) {
        Ok(url) => {
            let runs = matches!(
                url.scheme(),
                "javascript" | "data" | "vbscript" | "blob" | "file" | "about" | "view-source"
            );
            (!runs).then_some(link)
        }
        Err(url::ParseError::RelativeUrlWithoutBase) => Some(link),
        Err(_) => None,
    }
}

/// A style sheet without comments and needless space. Text in quotes is left alone.
pub(crate) fn minify_css(css: &str) -> String {
    let mut out = String::with_capacity(css.len());
    let mut rest = css.chars().peekable();
    let mut quote: Option<char> = None;
    while let Some(c) = rest.next() {
        if let Some(open) = quote {
            out.push(c);
            if c == '\\' {
                out.extend(rest.next());
            } else if c == open {
                quote = None;
            }
            continue;
        }
        match c {
            '"' | '\'' => {
                quote = Some(c);
                out.push(c);
            }
            '/' if rest.peek() == Some(&'*') => {
                rest.next();
                let mut last = ' ';
                for c in rest.by_ref() {
                    if last == '*' && c == '/' {
                        break;
                    }
                    last = c;
                }
            }
            c if c.is_whitespace() => {
                let between = rest.peek().is_some_and(|next| !"{};,>".contains(*next));
                if between && !out.ends_with(['{', '}', ';', ',', '>', ':', ' ']) && !out.is_empty()
                {
                    out.push(' ');
                }
            }
            '}' => {
                if out.ends_with(';') {
                    out.pop();
                }
                out.push('}');
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_run_as_code_are_not_followable() {
        for link in [
            "javascript:alert(1)",
            " JaVa\nScript:alert(1)",
            "data:text/html,x",
            "http://",
        ] {
            assert_eq!(followable(link), None, "{link:?}");
        }
        for link in [
            "https://a.test/",
            "/auth?x=1",
            "mailto:a@b.test",
            "com.example.app:/cb",
        ] {
            assert_eq!(followable(link), Some(link));
        }
    }

    #[test]
    fn minifying_keeps_selectors_and_quoted_text() {
        let css =
            "/* note */ a  b , c > d {\n  color : red;\n  content: \"a  b\";\n}\n.x:hover .y{}";
        assert_eq!(
            minify_css(css),
            "a b,c>d{color :red;content:\"a  b\"}.x:hover .y{}"
        );
        assert_eq!(
            minify_css("@media (width<9px) and (hover){a{b:calc(1px + 2px)}}"),
            "@media (width<9px) and (hover){a{b:calc(1px + 2px)}}"
        );
    }
}
