//! Homes in a temporary directory, and the program as a person would run it.

#![allow(
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    reason = "each test program uses its part"
)]

pub mod images;
pub mod served;

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub const PASSPHRASE: &str = "correct horse battery staple";

/// An image that comes with the program.
pub fn image(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("data")
        .join(name)
}

/// What a run of the program gave.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The object of `--json`.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON object ({error}): {self:?}"))
    }

    /// What it printed for people.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// Ended with this code, and said all of this.
    #[track_caller]
    pub fn fails(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            assert!(
                self.stderr.contains(word),
                "expected {word:?} in {:?}",
                self.stderr
            );
        }
        assert!(!self.stderr.contains("panicked"), "{:?}", self.stderr);
        self
    }
}

/// The program, ready for arguments, in this directory.
pub fn program(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_medshare"));
    command
        .current_dir(directory)
        .env("MEDSHARE_PASSPHRASE", PASSPHRASE)
        .env_remove("MEDSHARE_HOME")
        .stdin(Stdio::null());
    command
}

/// A directory with homes that use one ledger and one store.
pub struct Place {
    pub directory: TempDir,
}

impl Place {
    /// An empty directory.
    pub fn empty() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// The city (authority), Alice, Bob and Mallory, all enrolled.
    pub fn new() -> Self {
        let place = Self::empty();
        for name in ["city", "alice", "bob", "mallory"] {
            place.init(name).ok();
            place
                .run(["cert", "--home", name, "--out", &format!("{name}.pgp")])
                .ok();
            if name != "city" {
                place
                    .run(["enroll", "--home", "city", &format!("{name}.pgp")])
                    .ok();
            }
        }
        place
    }

    pub fn init(&self, name: &str) -> Ran {
        let email = format!("{name}@hospital.example");
        self.run([
            "init",
            "--home",
            name,
            "--name",
            name,
            "--email",
            &email,
            "--ledger",
            "shared/ledger.redb",
            "--store",
            "shared/store",
        ])
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Ran {
        Ran::of(program(self.directory.path()).args(args).output().unwrap())
    }

    /// Runs with bytes on stdin.
    pub fn run_with<A: AsRef<OsStr>>(
        &self,
        input: &[u8],
        args: impl IntoIterator<Item = A>,
    ) -> Ran {
        let mut child = program(self.directory.path())
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        match child.stdin.take().unwrap().write_all(input) {
            // it refused before it had read all
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
            written => written.unwrap(),
        }
        Ran::of(child.wait_with_output().unwrap())
    }

    /// Alice shares an image with Bob; what `--json` printed.
    pub fn share(&self, image: &Path) -> Value {
        self.run([
            OsStr::new("share"),
            OsStr::new("--json"),
            OsStr::new("--home"),
            OsStr::new("alice"),
            image.as_os_str(),
            OsStr::new("--to"),
            OsStr::new("bob.pgp"),
        ])
        .ok()
        .json()
    }

    pub fn receive(&self, home: &str, share: &str, out: &str) -> Ran {
        self.run(["receive", "--json", "--home", home, share, "--out", out])
    }
}

/// A text of a JSON object.
pub fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field} in {object}"))
}

/// An uncompressed grey TIFF of 8 bits, written from TIFF 6.0.
pub fn tiff(columns: u16, rows: u16) -> Vec<u8> {
    let count = u32::from(columns) * u32::from(rows);
    let mut file = b"II*\0\x08\0\0\0\x09\0".to_vec();
    let mut entry = |tag: u16, kind: u16, value: u32| {
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend(1u32.to_le_bytes());
        file.extend(value.to_le_bytes());
    };
    let (short, long) = (3, 4);
    entry(256, short, u32::from(columns));
    entry(257, short, u32::from(rows));
    entry(258, short, 8); // bits per sample
    entry(259, short, 1); // no compression
    entry(262, short, 1); // black is zero
    entry(273, long, 8 + 2 + 9 * 12 + 4); // strip offset
    entry(277, short, 1); // samples per pixel
    entry(278, short, u32::from(rows)); // rows per strip
    entry(279, long, count); // strip byte count
    file.extend([0; 4]);
    file.extend((0..count).map(|i| (i * 7 % 251) as u8));
    file
}
