use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::UnixStream;

/// The longest message of a directory, an entry with what was asked of it.
const LONGEST: usize = 1024 * 1024;
/// What may be answered to one question, all entries together.
const MOST: usize = 16 * 1024 * 1024;
/// How deep a message is nested at most: six levels are needed for the values of an entry.
const DEEPEST: usize = 16;

/// Carries bytes between a directory and the library that reads what it says, until one of them ends.
///
/// The library reads messages of any length and any depth, and a tenant names its directories: without
/// this, one of them could fill the memory or the stack of everybody. Answers the stream if nothing is
/// left on it that was not handed on.
pub(super) async fn carry<S>(mut directory: S, mut library: UnixStream) -> io::Result<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut answer, mut question) = ([0; 8 * 1024], [0; 8 * 1024]);
    let mut pending = Vec::new();
    let mut answered = 0;
    loop {
        tokio::select! {
            read = directory.read(&mut answer) => {
                let more = answer.get(..read?).unwrap_or_default();
                if more.is_empty() {
                    break;
                }
                answered += more.len();
                if answered > MOST {
                    return Err(odd("more than any directory answers"));
                }
                pending.extend_from_slice(more);
                while let Some(length) = first_message(&pending)? {
                    let message: Vec<u8> = pending.drain(..length).collect();
                    library.write_all(&message).await?;
                }
            }
            read = library.read(&mut question) => {
                let more = question.get(..read?).unwrap_or_default();
                if more.is_empty() {
                    break;
                }
                answered = 0;
                directory.write_all(more).await?;
                directory.flush().await?;
            }
        }
    }
    if pending.is_empty() {
        Ok(directory)
    } else {
        Err(odd("the beginning of a message and not its end"))
    }
}

fn odd(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("it sent {what}"))
}

/// The length of the first message, once all of it is there.
fn first_message(bytes: &[u8]) -> io::Result<Option<usize>> {
    let Some((header, content)) = header(bytes)? else {
        return Ok(None);
    };
    let length = header + content;
    if length > LONGEST {
        return Err(odd("a message that is too long"));
    }
    let Some(message) = bytes.get(..length) else {
        return Ok(None);
    };
    check_nesting(message)?;
    Ok(Some(length))
}

/// The lengths of an element's header and of its content (X.690 §8.1), once the header is there. LDAP
/// allows definite lengths alone (RFC 4511 §5.1).
fn header(bytes: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let &[_, first, ref rest @ ..] = bytes else {
        return Ok(None);
    };
    let first = usize::from(first);
    match first.checked_sub(128) {
        None => Ok(Some((2, first))),
        Some(octets @ 1..=4) => Ok(rest.get(..octets).map(|octets| {
            let add = |all, octet: &u8| all << 8 | usize::from(*octet);
            (2 + octets.len(), octets.iter().fold(0, add))
        })),
        Some(_) => Err(odd("a length of no use")),
    }
}

/// Whether elements lie within each other as they should, and not too deep.
fn check_nesting(message: &[u8]) -> io::Result<()> {
    let mut ends: Vec<usize> = Vec::with_capacity(DEEPEST);
    let mut at = 0;
    while at < message.len() {
        while ends.last() == Some(&at) {
            ends.pop();
        }
        let end_of_all = ends.last().copied().unwrap_or(message.len());
        let rest = message.get(at..end_of_all).unwrap_or_default();
        let (header, content) = header(rest)?.ok_or_else(|| odd("half an element"))?;
        let end = at + header + content;
        if end > end_of_all {
            return Err(odd("an element that is longer than what holds it"));
        }
        let is_constructed = rest.first().is_some_and(|tag| tag & 0x20 != 0);
        if is_constructed {
            if ends.len() == DEEPEST {
                return Err(odd("elements within elements without end"));
            }
            ends.push(end);
            at += header;
        } else {
            at = end;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An element of a tag around a content.
    fn around(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x84], length.as_slice(), content].concat()
    }

    fn nested(levels: usize) -> Vec<u8> {
        let mut message = Vec::new();
        for inner in (0..levels).rev() {
            let length = u32::try_from(2 + inner * 6).unwrap().to_be_bytes();
            message.extend([0x30, 0x84]);
            message.extend(length);
        }
        message.extend([0x04, 0x00]);
        message
    }

    #[test]
    fn messages_are_handed_on_whole() {
        let bind = [0x30, 0x0c, 0x02, 1, 1, 0x61, 7, 0x0a, 1, 0, 4, 0, 4, 0];
        for length in 0..bind.len() {
            assert_eq!(first_message(&bind[..length]).unwrap(), None, "{length}");
        }
        assert_eq!(first_message(&bind).unwrap(), Some(14));
        let two = [&bind[..], &bind[..]].concat();
        assert_eq!(first_message(&two).unwrap(), Some(14));
        let long = around(0x30, &around(0x04, &vec![0; 70_000]));
        assert_eq!(first_message(&long).unwrap(), Some(long.len()));
        assert_eq!(first_message(&nested(16)).unwrap(), Some(98));
    }

    #[test]
    fn what_no_directory_sends_is_not_handed_on() {
        let inner_too_long = around(0x30, &[0x30, 0x7f]);
        let half = around(0x30, &[0x30]);
        for message in [
            nested(17),
            nested(100_000),
            inner_too_long,
            half,
            // Lengths: none, of five octets, of four gigabytes.
            vec![0x30, 0x80, 0, 0],
            vec![0x30, 0x85, 0, 0, 0, 0, 1, 0],
            vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
        ] {
            let begin = &message[..message.len().min(8)];
            assert!(first_message(&message).is_err(), "{begin:?}");
        }
    }

    #[tokio::test]
    async fn more_than_is_ever_answered_ends_the_conversation() {
        let (directory, mut far) = tokio::io::duplex(1 << 16);
        let (library, mut near) = UnixStream::pair().unwrap();
        let carried = tokio::spawn(carry(directory, library));
        let drained = tokio::spawn(async move {
            let mut bytes = Vec::new();
            near.read_to_end(&mut bytes).await.unwrap();
            bytes.len()
        });
        let message = around(0x30, &around(0x04, &vec![0; 60_000]));
        while far.write_all(&message).await.is_ok() {}
        let told = carried.await.unwrap().unwrap_err().to_string();
        assert!(told.contains("more than any directory answers"), "{told}");
        assert!(drained.await.unwrap() <= MOST);
    }
}
