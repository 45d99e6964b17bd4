//! One document, of whose sections this program writes some and other commands the rest.

/// `text` with the sections that only `before` has, in the order of `before`.
pub(super) fn written_over(before: &str, text: &str) -> String {
    let (introduction, own) = split(text);
    let (_, standing) = split(before);
    let mut written = introduction.to_owned();
    for section in &standing {
        let same = own.iter().find(|new| heading(new) == heading(section));
        append(&mut written, same.unwrap_or(section));
    }
    for section in &own {
        if !standing.iter().any(|old| heading(old) == heading(section)) {
            append(&mut written, section);
        }
    }
    written
}

/// What stands before the first heading of the second level, and each of these with what follows it.
fn split(text: &str) -> (&str, Vec<&str>) {
    let mut begins: Vec<usize> = text.match_indices("\n## ").map(|(at, _)| at + 1).collect();
    let introduction = begins
        .first()
        .map_or(text, |&at| text.get(..at).unwrap_or(text));
    begins.push(text.len());
    let sections = begins.windows(2).filter_map(|pair| match pair {
        [from, to] => text.get(*from..*to),
        _ => None,
    });
    (introduction, sections.collect())
}

fn heading(section: &str) -> &str {
    section.lines().next().unwrap_or_default()
}

/// With one blank line before it.
fn append(written: &mut String, section: &str) {
    written.truncate(written.trim_end().len());
    written.push_str("\n\n");
    written.push_str(section.trim_end());
    written.push('\n');
}

#[cfg(test)]
mod tests {
    use super::written_over;

    #[test]
    fn sections_of_others_stay_where_they_are_and_ones_own_are_replaced() {
        let before = "# Speed\n\nOld.\n\n## The server\n\n1\n\n## Others\n\n2\n## Functions\n\n3\n";
        let text =
            "# Speed\n\nNew.\n\n## The server\n\n4\n\n## Functions\n\n5\n\n## Commits\n\n6\n";
        assert_eq!(
            written_over(before, text),
            "# Speed\n\nNew.\n\n## The server\n\n4\n\n## Others\n\n2\n\n## Functions\n\n5\n\n\
             ## Commits\n\n6\n"
        );
    }

    #[test]
    fn a_document_that_is_not_there_yet_is_written_as_it_is() {
        let text = "# Speed\n\nNew.\n\n## The server\n\n4\n";
        assert_eq!(written_over("", text), text);
    }
}
