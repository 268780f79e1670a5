//! Specific Character Set (PS3.3 C.12.1.1.2, PS3.5 6.1): text values to UTF-8 in Normalization Form C.

use dicom_encoding::text::{SpecificCharacterSet, TextCodec};
use unicode_normalization::UnicodeNormalization as _;

/// The character repertoires of a data set.
#[derive(Clone, Debug, Default)]
pub(crate) struct CharacterSet {
    /// The repertoire that is active where a value begins.
    initial: SpecificCharacterSet,
    extensions: Extensions,
}

/// Whether escape sequences may switch repertoires (PS3.5 6.1.2.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Extensions {
    #[default]
    Without,
    Iso2022,
}

const ESCAPE: u8 = 0x1B;

/// What follows ESC, and the term of the repertoire that it makes active; PS3.3 tables C.12-3 and C.12-4.
const SEQUENCES: &[(&[u8], &str)] = &[
    (b"(B", "ISO_IR 6"),
    (b"(J", "ISO_IR 13"),
    (b")I", "ISO_IR 13"),
    (b"-A", "ISO_IR 100"),
    (b"-B", "ISO_IR 101"),
    (b"-C", "ISO_IR 109"),
    (b"-D", "ISO_IR 110"),
    (b"-F", "ISO_IR 126"),
    (b"-G", "ISO_IR 127"),
    (b"-H", "ISO_IR 138"),
    (b"-L", "ISO_IR 144"),
    (b"-T", "ISO_IR 166"),
    (b"$B", "ISO_IR 87"),
    (b"$(D", "ISO_IR 87"), // JIS X 0212: the same decoder knows both by their escape sequences
    (b"$)C", "ISO_IR 149"),
    (b"$)A", "ISO 2022 IR 58"),
];

impl CharacterSet {
    /// From the value of (0008,0005). A term that nobody knows leaves the default repertoire.
    pub(crate) fn new(terms: &[u8]) -> Self {
        let terms = String::from_utf8_lossy(terms);
        let mut terms = terms.split('\\').map(|term| term.trim_matches([' ', '\0']));
        let first = terms.next().unwrap_or_default();
        let several = terms.next().is_some();
        let extensions = if several || first.starts_with("ISO 2022") {
            Extensions::Iso2022
        } else {
            Extensions::Without
        };
        Self {
            initial: codec(first),
            extensions,
        }
    }

    /// Decodes a value and trims its padding; bytes outside the repertoire are shown as `\` and three octal digits.
    pub(crate) fn decode(&self, value: &[u8]) -> String {
        let text = match self.extensions {
            Extensions::Without => decode(&self.initial, value),
            Extensions::Iso2022 => self.decode_escaped(value),
        };
        text.trim_matches([' ', '\0']).nfc().collect()
    }

    fn decode_escaped(&self, value: &[u8]) -> String {
        let mut text = String::new();
        let mut active = Active {
            codec: self.initial.clone(),
            escape: &[],
        };
        let mut rest = value;
        loop {
            let stop = rest
                .iter()
                .position(|byte| *byte == ESCAPE || active.ends_at(*byte));
            let (piece, tail) = rest.split_at(stop.unwrap_or(rest.len()));
            active.decode_onto(&mut text, piece);
            rest = match tail {
                [] => break,
                [ESCAPE, after @ ..] => match sequence(after) {
                    Some((escape, term)) => {
                        active = Active {
                            codec: codec(term),
                            escape,
                        };
                        after.get(escape.len()..).unwrap_or_default()
                    }
                    None => {
                        text.push_str("\\033");
                        after
                    }
                },
                [delimiter, after @ ..] => {
                    text.push(char::from(*delimiter));
                    active = Active {
                        codec: self.initial.clone(),
                        escape: &[],
                    };
                    after
                }
            };
        }
        text
    }
}

/// The repertoire at one place of a value.
struct Active {
    codec: SpecificCharacterSet,
    escape: &'static [u8],
}

impl Active {
    /// PS3.5 6.1.2.5.3: these end a value, a name component or a line, and bring the initial repertoire back; inside the
    /// two-byte sets of G0 the same bytes are halves of characters.
    fn ends_at(&self, byte: u8) -> bool {
        matches!(byte, b'\\' | b'^' | b'=' | b'\r' | b'\n' | b'\t' | 0x0C)
            && !self.escape.starts_with(b"$B")
            && !self.escape.starts_with(b"$(D")
    }

    fn decode_onto(&self, text: &mut String, piece: &[u8]) {
        if piece.is_empty() {
        } else if matches!(self.escape, b"$B" | b"$(D") {
            let framed = [&[ESCAPE], self.escape, piece, &[ESCAPE], b"(B"].concat();
            text.push_str(&decode(&self.codec, &framed));
        } else {
            text.push_str(&decode(&self.codec, piece));
        }
    }
}

fn sequence(after: &[u8]) -> Option<(&'static [u8], &'static str)> {
    SEQUENCES
        .iter()
        .find(|(escape, _)| after.starts_with(escape))
        .copied()
}

fn codec(term: &str) -> SpecificCharacterSet {
    SpecificCharacterSet::from_code(term).unwrap_or_default()
}

fn decode(codec: &SpecificCharacterSet, bytes: &[u8]) -> String {
    codec
        .decode(bytes)
        .unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PS3.5 annexes H, I and J print these names byte by byte; the byte strings are those of pydicom's charset files.
    #[test]
    fn names_of_the_standard() {
        for (terms, value, name) in [
            ("ISO_IR 100", &b"Buc^J\xe9r\xf4me"[..], "Buc^Jérôme"),
            ("ISO_IR 144", b"\xbb\xee\xdace\xdc\xd1yp\xd3", "\u{41b}\u{44e}\u{43a}ce\u{43c}\u{431}yp\u{433}"),
            ("ISO_IR 126", b"\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "Διονυσιος"),
            (
                "\\ISO 2022 IR 87",
                b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
                "Yamada^Tarou=山田^太郎=やまだ^たろう",
            ),
            (
                "ISO 2022 IR 13\\ISO 2022 IR 87",
                b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
                "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
            ),
            (
                "\\ISO 2022 IR 149",
                b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
                "Hong^Gildong=洪^吉洞=홍^길동",
            ),
            ("ISO_IR 192", b"Wang^XiaoDong=\xe7\x8e\x8b^\xe5\xb0\x8f\xe6\x9d\xb1=", "Wang^XiaoDong=王^小東="),
            ("GB18030", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东="),
        ] {
            assert_eq!(CharacterSet::new(terms.as_bytes()).decode(value), name, "{terms}");
        }
    }

    #[test]
    fn decomposed_text_is_composed_and_padding_trimmed() {
        let utf8 = CharacterSet::new(b"ISO_IR 192");
        assert_eq!(
            utf8.decode("Je\u{301}ro\u{302}me \0".as_bytes()),
            "J\u{e9}r\u{f4}me"
        );
    }

    #[test]
    fn an_unknown_escape_sequence_stays_visible() {
        let set = CharacterSet::new(b"\\ISO 2022 IR 87");
        assert_eq!(set.decode(b"a\x1b%Gb"), "a\\033%Gb");
    }
}
