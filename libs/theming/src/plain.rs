//! The page of last resort, for when no tenant and so no theme is known.

use crate::markup::escape;

/// A whole error page without theme, script or style sheet, in English: for an unknown host, or a
/// fault before a tenant was found. Its colours come from `color-scheme`.
pub fn plain_error(status: u16, title: &str, message: &str) -> String {
    let (title, message) = (escape(title), escape(message));
    format!(
        "<!doctype html>\n<html lang=\"en\" dir=\"ltr\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>{title}</title>\n</head>\n\
         <body>\n<main>\n<h1>{title}</h1>\n<p>{message}</p>\n<p><small>HTTP {status}</small></p>\n\
         </main>\n</body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_page_escapes_what_it_is_told() {
        let page = plain_error(404, "No <b>", "host \"><script>x</script>' & co");
        assert!(!page.contains("<script>"));
        assert!(page.contains("No &lt;b&gt;"));
    }
}
