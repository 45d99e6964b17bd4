//! Access tokens as requests carry them.

use insula_model::Rules;
use insula_oauth::Params;

use crate::{Evidence, Refusal};

/// The access token of a request, if one came: in a header
/// ([RFC 6750 §2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)) or in a form
/// ([§2.2](https://www.rfc-editor.org/rfc/rfc6750#section-2.2)).
///
/// In the query none is taken, since it would be in every log on the way
/// ([RFC 9700 §4.3.2](https://www.rfc-editor.org/rfc/rfc9700#section-4.3.2)); beside another it is
/// one too many (RFC 6750 §3.1). dex looks at the first header and nowhere else.
pub fn presented<'r>(
    evidence: &'r Evidence<'_>,
    rules: &Rules,
) -> Result<Option<&'r str>, Refusal> {
    let Evidence {
        authorization,
        query,
        form,
        ..
    } = evidence;
    if rules.reads_bearer_in_first_header_only {
        let first = authorization.first().copied().flatten();
        return Ok(first.and_then(of_first_header));
    }
    if let Some(name) = form.duplicate() {
        return Err(Refusal::DuplicateParameter(name.to_owned()));
    }
    let mut tokens = Vec::new();
    for header in authorization {
        let header = header.ok_or(Refusal::BearerMalformed)?;
        tokens.extend(of_header(header)?);
    }
    tokens.extend(form.get("access_token"));
    let query = Params::parse(query).map_err(|e| Refusal::MalformedBody(e.to_string()))?;
    match tokens.as_slice() {
        [] => Ok(None),
        [only] if query.get("access_token").is_none() => Ok(Some(*only)),
        _ => Err(Refusal::BearerTwice),
    }
}

/// The token of a header as dex reads it.
fn of_first_header(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim())
        .filter(|token| !token.is_empty())
}

/// The token of an `Authorization` header; `None` if it is of another scheme.
fn of_header(value: &str) -> Result<Option<&str>, Refusal> {
    let value = value.trim();
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    let token = token.trim();
    if is_b64token(token) {
        Ok(Some(token))
    } else {
        Err(Refusal::BearerMalformed)
    }
}

/// `b64token` of RFC 6750 §2.1.
fn is_b64token(text: &str) -> bool {
    let letters = text.trim_end_matches('=');
    let is_letter =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
    !letters.is_empty() && letters.bytes().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_6750_a_token_comes_in_one_place_and_in_one_piece() {
        let one = |token: &'static str| Ok(Some(token));
        let twice = || Err(Refusal::BearerTwice);
        let malformed = || Err(Refusal::BearerMalformed);
        let repeated = |name: &str| Err(Refusal::DuplicateParameter(name.to_owned()));
        // clause, headers one a line, query, form, the outcome
        let rows = [
            ("§3.1 nothing", "", "", "", Ok(None)),
            (
                "§2.1 header",
                "Bearer a.b-c_d~e+f/g==",
                "",
                "",
                one("a.b-c_d~e+f/g=="),
            ),
            ("RFC 9110 §11.1 any case", "bEARER  a", "", "", one("a")),
            ("§2.2 form", "", "", "access_token=a", one("a")),
            (
                "another scheme beside the form",
                "Basic eDp5",
                "",
                "access_token=a",
                one("a"),
            ),
            ("another scheme", "Basic eDp5", "", "", Ok(None)),
            (
                "an empty one is none",
                "",
                "",
                "access_token=&x=y",
                Ok(None),
            ),
            ("RFC 9700 §4.3.2 query", "", "access_token=a", "", Ok(None)),
            (
                "§3.1 header and form",
                "Bearer a",
                "",
                "access_token=a",
                twice(),
            ),
            (
                "§3.1 header and query",
                "Bearer a",
                "access_token=a",
                "",
                twice(),
            ),
            (
                "§3.1 form and query",
                "",
                "access_token=a",
                "access_token=a",
                twice(),
            ),
            ("§3.1 two headers", "Bearer a\nBearer a", "", "", twice()),
            (
                "§3.1 repeated",
                "",
                "",
                "access_token=a&access_token=a",
                repeated("access_token"),
            ),
            (
                "§3.1 another repeated",
                "",
                "",
                "access_token=a&x=1&x=2",
                repeated("x"),
            ),
            ("§2.1 no token", "Bearer", "", "", malformed()),
            (
                "§2.1 no token after the blank",
                "Bearer ",
                "",
                "",
                malformed(),
            ),
            (
                "§2.1 two in one header",
                "Bearer a, Bearer b",
                "",
                "",
                malformed(),
            ),
            ("§2.1 blank inside", "Bearer a b", "", "", malformed()),
            ("§2.1 quoted", "Bearer \"a\"", "", "", malformed()),
            ("§2.1 padding alone", "Bearer ==", "", "", malformed()),
            (
                "§2.1 malformed beside a form",
                "Bearer",
                "",
                "access_token=a",
                malformed(),
            ),
        ];
        for (clause, headers, query, form, expected) in rows {
            let evidence = Evidence {
                authorization: headers.lines().map(Some).collect(),
                query,
                form: Params::parse(form).unwrap(),
                ..Evidence::default()
            };
            let told = presented(&evidence, &Rules::STANDARD);
            assert_eq!(told, expected, "{clause}");
        }
    }

    #[test]
    fn dex_takes_the_token_of_the_first_header_and_looks_nowhere_else() {
        for (headers, expected) in [
            ("Bearer a", Some("a")),
            ("bEARER  a b", Some("a b")),
            ("Bearer a\nBearer b", Some("a")),
            ("Basic eDp5\nBearer b", None),
            ("Bearer ", None),
            ("", None),
        ] {
            let evidence = Evidence {
                authorization: headers.lines().map(Some).collect(),
                query: "access_token=q",
                form: Params::parse("access_token=f&x=1&x=2").unwrap(),
                ..Evidence::default()
            };
            let told = presented(&evidence, &Rules::DEX);
            assert_eq!(told, Ok(expected), "{headers:?}");
        }
    }

    #[test]
    fn a_header_that_is_no_text_is_malformed_and_dex_takes_it_for_none() {
        let evidence = Evidence {
            authorization: vec![None],
            ..Evidence::default()
        };
        let ours = presented(&evidence, &Rules::STANDARD);
        assert_eq!(ours, Err(Refusal::BearerMalformed));
        assert_eq!(presented(&evidence, &Rules::DEX), Ok(None));
    }
}
