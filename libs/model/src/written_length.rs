use std::io;

use serde::Serialize;

/// How many bytes of JSON a record takes, without writing it anywhere. What cannot be written out
/// breaks off at some length, which counts.
pub fn written_length(record: &impl Serialize) -> usize {
    struct Length(usize);
    impl io::Write for Length {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut length = Length(0);
    let _ = serde_json::to_writer(&mut length, record);
    length.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_as_long_as_its_json() {
        let record = serde_json::json!({"text": "a \"quoted\" \u{1} word", "list": [1, null]});
        assert_eq!(written_length(&record), record.to_string().len());
    }
}
