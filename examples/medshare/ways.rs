//! Where `extract` looks for a payload: no option says where unless the user does.

use std::fmt;

use anyhow::{Result, bail};
use lsb_stego::{Bits, Layout, Options};
use serde_json::{Value, json};

use crate::pixels::{CostsName, HEIGHT, KeyArgs, PARITY, SchemeArgs, SchemeName};

/// Which schemes to look for, on the command line.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SearchArgs {
    /// The scheme that the payload was hidden with; without it, every one is tried.
    #[arg(long, value_enum)]
    scheme: Option<SchemeName>,
    /// Payload bits per sample; without it, 1 to 4 are tried.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=4))]
    bits: Option<u8>,
    /// Parity bits of matrix embedding; without it, 2 to 8 are tried.
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u8).range(2..=8))]
    parity: Option<u8>,
    /// Taken because `hide` takes it: extraction does not ask for costs.
    #[arg(long, value_enum, value_name = "MODEL", hide = true)]
    costs: Option<CostsName>,
    /// Constraint height of the adaptive scheme's code; without it, 7 to 12 are tried.
    #[arg(long, value_name = "H", value_parser = clap::value_parser!(u8).range(7..=12))]
    height: Option<u8>,
    #[command(flatten)]
    pub(crate) key: KeyArgs,
}

/// One way to hide a payload.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) scheme: SchemeName,
    pub(crate) bits: u8,
    /// Of matrix embedding.
    pub(crate) parity: Option<u8>,
    /// Of the adaptive scheme.
    pub(crate) height: Option<u8>,
    pub(crate) options: Options,
    /// Whether it may as well have been matching, of which no reader can tell it.
    alike: bool,
}

impl SearchArgs {
    /// What was asked for, the cheapest to try first; `restore` asks for the only scheme that can.
    pub(crate) fn ways(&self, restore: bool) -> Result<Vec<Way>> {
        let named = self.scheme.or(restore.then_some(SchemeName::Reversible));
        let key = self.key.read()?;
        let asked = |scheme| match named {
            Some(named) => scheme == named,
            // Matching reads as replacement does, and what follows a key was not hidden reversibly.
            None => {
                scheme != SchemeName::Matching
                    && (scheme != SchemeName::Reversible || key.is_none())
            }
        };
        let mut ways = Vec::new();
        for (scheme, bits, parity, height) in every() {
            let fits = asked(scheme)
                && self.bits.is_none_or(|asked| asked == bits)
                && (self.parity.is_none() || self.parity == parity)
                && (self.height.is_none() || self.height == height);
            if !fits {
                continue;
            }
            let of = scheme.with(parity, self.costs, height)?;
            let options = Options::new().scheme(of).bits(Bits::new(bits)?);
            ways.push(Way {
                scheme,
                bits,
                parity,
                height,
                options: match &key {
                    Some(key) => options.key(key.clone()),
                    None => options,
                },
                alike: named.is_none() && scheme == SchemeName::Replacement && bits == 1,
            });
        }
        if ways.is_empty() {
            bail!(
                "no payload is hidden in such a way: only replacement has more than one bit per sample, only matrix --parity, only adaptive --height, and --restore is of the reversible scheme"
            );
        }
        Ok(ways)
    }
}

impl SchemeArgs {
    /// The one way that was asked for.
    pub(crate) fn way(&self) -> Result<Way> {
        let of = |scheme, asked: bool, option: &str| {
            if asked && self.scheme != scheme {
                let (found, only) = (self.scheme.name(), scheme.name());
                bail!("{option} is of the {only} scheme alone, and --scheme is {found}");
            }
            Ok(self.scheme == scheme)
        };
        let matrix = of(SchemeName::Matrix, self.parity.is_some(), "--parity")?;
        of(SchemeName::Adaptive, self.costs.is_some(), "--costs")?;
        let adaptive = of(SchemeName::Adaptive, self.height.is_some(), "--height")?;
        let parity = matrix.then_some(self.parity.unwrap_or(PARITY));
        let height = adaptive.then_some(self.height.unwrap_or(HEIGHT));
        let scheme = self.scheme.with(parity, self.costs, height)?;
        let options = Options::new().scheme(scheme).bits(Bits::new(self.bits)?);
        Ok(Way {
            scheme: self.scheme,
            bits: self.bits,
            parity,
            height,
            options: match self.key.read()? {
                Some(key) => options.key(key),
                None => options,
            },
            alike: false,
        })
    }
}

/// Scheme, bits per sample, parity and height of every way. The adaptive scheme is last, as it looks at all samples before it
/// reads one, once for all heights, and of its heights the one that `hide` takes is first.
fn every() -> impl Iterator<Item = (SchemeName, u8, Option<u8>, Option<u8>)> {
    let of = |scheme| (scheme, 1, None, None);
    [of(SchemeName::Reversible)]
        .into_iter()
        .chain((1..=4).map(|bits| (SchemeName::Replacement, bits, None, None)))
        .chain([of(SchemeName::Matching)])
        .chain((2..=8).map(|parity| (SchemeName::Matrix, 1, Some(parity), None)))
        .chain([10, 7, 8, 9, 11, 12].map(|height| (SchemeName::Adaptive, 1, None, Some(height))))
}

impl Way {
    /// Adds to what is said of it as JSON.
    pub(crate) fn describe(&self, mut said: Value) -> Value {
        said["scheme"] = json!(self.scheme.name());
        said["bits_per_sample"] = json!(self.bits);
        said["parity"] = json!(self.parity);
        said["height"] = json!(self.height);
        said
    }

    /// Those for which samples have the bits; one that was asked for is refused with numbers where they do not.
    pub(crate) fn possible<'a>(
        ways: &'a [Self],
        layout: &Layout,
    ) -> impl Iterator<Item = &'a Self> {
        let (stored, alone) = (layout.bits_stored(), ways.len() == 1);
        ways.iter().filter(move |way| alone || way.bits <= stored)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme.name();
        match (self.parity, self.height, self.bits) {
            (Some(parity), ..) => write!(f, "{scheme} of {parity} parity bits"),
            (_, Some(height), _) => write!(f, "{scheme} of height {height}"),
            _ if self.alike => write!(f, "{scheme} or matching, which read alike"),
            (.., 1) => f.write_str(scheme),
            (.., bits) => write!(f, "{scheme} of {bits} bits per sample"),
        }
    }
}
