//! Tiles of the log, by the names under which C2SP tlog-tiles has them served.

use std::{fmt, iter};

use ledger_core::merkle::TILE_WIDTH;

/// The name of a tile, behind `/tile/`: `L/N[.p/W]`, or `entries` in place of L. It is written as it was read.
///
/// ```
/// use ledger_node::tile::TilePath;
///
/// let path = TilePath::read("0/x001/234.p/5").expect("a name");
/// assert_eq!((path.level, path.number, path.width), (Some(0), 1234, 5));
/// assert_eq!(path.to_string(), "0/x001/234.p/5");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TilePath {
    /// The level of its hashes, or none for the transactions themselves.
    pub level: Option<u32>,
    /// Its number among those of its level.
    pub number: u64,
    /// How many it holds, of up to 256.
    pub width: u64,
}

impl TilePath {
    /// Reads a name, with N in groups of three digits, all but the last behind an `x`.
    #[must_use]
    pub fn read(path: &str) -> Option<Self> {
        let (level, rest) = path.split_once('/')?;
        let level = match level {
            "entries" => None,
            level => Some(number(level, 2)?.try_into().ok()?),
        };
        let (rest, width) = match rest.split_once(".p/") {
            Some((rest, width)) => (rest, number(width, 3)?),
            None => (rest, TILE_WIDTH),
        };
        let partial = rest.len() != path.len() && path.contains(".p/");
        if width == 0 || width > TILE_WIDTH || (partial && width == TILE_WIDTH) {
            return None;
        }
        let mut groups = rest.split('/').peekable();
        let mut at = 0_u64;
        let mut first = true;
        while let Some(group) = groups.next() {
            let digits = match groups.peek() {
                Some(_) => group.strip_prefix('x')?,
                None => group,
            };
            // no group of zeros before the first that counts
            if digits.len() != 3 || (first && groups.peek().is_some() && digits == "000") {
                return None;
            }
            let digits: u64 = digits
                .bytes()
                .all(|digit| digit.is_ascii_digit())
                .then(|| digits.parse().ok())??;
            at = at.checked_mul(1000)?.checked_add(digits)?;
            first = false;
        }
        Some(Self {
            level,
            number: at,
            width,
        })
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            Some(level) => write!(f, "{level}/")?,
            None => f.write_str("entries/")?,
        }
        let groups = |number: u64| {
            iter::successors(Some(number), |rest| match rest / 1000 {
                0 => None,
                rest => Some(rest),
            })
        };
        for above in (1..groups(self.number).count()).rev() {
            let group = groups(self.number).nth(above).unwrap_or_default();
            write!(f, "x{:03}/", group % 1000)?;
        }
        write!(f, "{:03}", self.number % 1000)?;
        match self.width {
            TILE_WIDTH => Ok(()),
            width => write!(f, ".p/{width}"),
        }
    }
}

/// A decimal number of at most so many digits, without zeros in front.
fn number(text: &str, digits: usize) -> Option<u64> {
    let plain = !text.is_empty()
        && text.len() <= digits
        && text.bytes().all(|digit| digit.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_named_as_c2sp_names_them() {
        let read = |path| TilePath::read(path).map(|tile| (tile.level, tile.number, tile.width));
        assert_eq!(read("0/000"), Some((Some(0), 0, 256)));
        for path in [
            "0/000",
            "63/999",
            "1/x001/234.p/5",
            "entries/x001/x234/067.p/255",
            "0/x001/x000/000",
            "0/x018/x446/x744/x073/x709/x551/615",
        ] {
            assert_eq!(TilePath::read(path).unwrap().to_string(), path);
        }
        assert_eq!(read("1/x001/234.p/5"), Some((Some(1), 1234, 5)));
        assert_eq!(read("entries/x001/x234/067"), Some((None, 1_234_067, 256)));
        for path in [
            "",
            "0",
            "0/",
            "0/0",
            "0/0000",
            "00/000",
            "0/x000/001",
            "0/x001",
            "0/001/002",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/01",
            "0/000.p/",
            "a/000",
            "0/00a",
            "0/-01",
            "-1/000",
            "0/+01",
            "0/x18446744/x073/x709/x551/x616/000",
        ] {
            assert_eq!(read(path), None, "{path}");
        }
    }
}
