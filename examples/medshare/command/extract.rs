use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use medshare_verify::file_digest;
use serde_json::json;

use crate::file;
use crate::output::{Outcome, Output, place, size};
use crate::pixels;
use crate::ways::SearchArgs;

/// Takes a payload out of a stego image.
///
/// Nothing has to be known of how it was hidden but its key: unless `--scheme` or another option narrows the search, every
/// scheme is tried in every way, and the first whole payload is taken. With a key, only what follows a key is looked for; with
/// `--restore`, only what the reversible scheme hid, which takes none. Replacement and matching read alike, so that the first
/// is found for both. The adaptive scheme is tried last, at all heights together: where there is nothing to find, that takes
/// less than a tenth of a second for each million of samples.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A DICOM, PNG or TIFF file that `hide` made; `-` is stdin.
    stego: PathBuf,
    /// Where the payload goes; `-` is stdout.
    #[arg(long, value_name = "PAYLOAD")]
    out: PathBuf,
    /// Where the file goes that the payload was hidden in, byte for byte as it was; the reversible scheme
    /// must have hidden it.
    ///
    /// Checked are the payload (CRC-32C) and, of a PNG, the whole original (CRC-32): if either fails, nothing is written. In
    /// DICOM and TIFF, a change of the stego image that leaves the payload whole is not noticed: it is in the original too.
    /// Compare the SHA-256 that is printed with one of the original to be sure; `medshare verify` does that for a share.
    #[arg(long, value_name = "ORIGINAL")]
    restore: Option<PathBuf>,
    #[command(flatten)]
    search: SearchArgs,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> anyhow::Result<Outcome> {
        output.check_target(&self.out)?;
        let key = self.search.key.path();
        file::one_from_stdin([Some(&self.stego), key])?;
        let read = [("the stego image", Some(&*self.stego)), ("--key-file", key)];
        file::check_apart(("--out", &self.out), read)?;
        if let Some(restore) = &self.restore {
            file::check_apart(("--restore", restore), [("--key-file", key)])?;
            output.check_target(restore)?;
            if file::is_dash(restore) && file::is_dash(&self.out) {
                bail!("--out and --restore cannot both be stdout; name a file for one");
            }
            if file::same(restore, &self.out) {
                bail!("--out and --restore name the same file");
            }
        }
        let picture = pixels::read(&self.stego)?;
        let ways = self.search.ways(self.restore.is_some())?;
        let (way, payload, original) = match &self.restore {
            Some(_) => pixels::recover(&picture, &ways)
                .map(|(way, payload, original)| (way, payload, Some(original)))
                .with_context(|| {
                    format!(
                        "cannot extract from {} and restore, which takes a payload of the reversible scheme",
                        self.stego.display()
                    )
                }),
            None => pixels::extract(&picture, &ways)
                .map(|(way, payload)| (way, payload, None))
                .with_context(|| format!("cannot extract from {}", self.stego.display())),
        }?;
        let (payload_bytes, original_bytes) = (payload.len(), original.as_ref().map(Vec::len));
        let original_sha256 = original
            .as_deref()
            .map(|bytes| file_digest(bytes).to_string());
        // Both are on disk under temporary names before one gets its own.
        let files = [
            Some((&self.out, payload)),
            self.restore.as_ref().zip(original),
        ];
        let mut targets = Vec::new();
        for (path, bytes) in files.into_iter().flatten() {
            let mut target = file::Target::new(path)?;
            target
                .write_all(&bytes)
                .with_context(|| format!("cannot write {}", path.display()))?;
            targets.push(target);
        }
        targets.into_iter().try_for_each(file::Target::commit)?;
        let restored = original_bytes
            .zip(original_sha256.as_deref())
            .map(|(bytes, digest)| {
                let bytes = size(bytes as u64);
                format!(", and restored the original of {bytes} (SHA-256 {digest})")
            })
            .unwrap_or_default();
        let text = format!(
            "extracted {} from {}, hidden by {way}{restored}",
            size(payload_bytes as u64),
            picture.summary()
        );
        let on_stdout = [Some(&self.out), self.restore.as_ref()]
            .into_iter()
            .flatten()
            .find(|path| file::is_dash(path));
        output.say(on_stdout.unwrap_or(&self.out), text);
        Ok(Outcome::done(way.describe(json!({
            "stego": place(&self.stego),
            "out": place(&self.out),
            "restore": self.restore.as_deref().map(place),
            "format": picture.format().to_string(),
            "payload_bytes": payload_bytes,
            "original_bytes": original_bytes,
            "original_sha256": original_sha256,
        }))))
    }
}
