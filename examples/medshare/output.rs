//! What the program says: text for people, one JSON object for programs, progress for those who wait.
//!
//! Results go to stdout, everything else to stderr, so that a pipe carries results only.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Map, Value};

use crate::file;

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
}

/// How a command ended, when it was not an error.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Exit code 0. The fields are the object that `--json` prints.
    Done(Map<String, Value>),
    /// Exit code 0, where all that there is to print has been printed, as by [`Output::tell`].
    Told,
    /// Exit code 3. Gets `verdict`, `step` and `reason` beside the fields.
    Rejected {
        step: Option<u8>,
        reason: String,
        fields: Map<String, Value>,
    },
    /// Exit code 1, with what was found all the same. Gets `error` beside the fields.
    Partial {
        error: String,
        fields: Map<String, Value>,
    },
}

impl Outcome {
    /// Done, with the object that `--json` prints, as `serde_json::json!` makes it.
    pub(crate) fn done(fields: Value) -> Self {
        Self::Done(object(fields))
    }

    /// Done in part: why not in whole, and the object that `--json` prints beside it.
    pub(crate) fn partial(error: impl Display, fields: Value) -> Self {
        Self::Partial {
            error: error.to_string(),
            fields: object(fields),
        }
    }

    /// Rejected (exit code 3): what `--json` prints beside the verdict, the step that said no (if it is one of the
    /// seven), and why.
    pub(crate) fn rejected(step: Option<u8>, reason: impl Display, fields: Value) -> Self {
        Self::Rejected {
            step,
            reason: reason.to_string(),
            fields: object(fields),
        }
    }
}

/// Where a command's words go.
#[derive(Debug)]
pub(crate) struct Output {
    format: Format,
    waiting: AtomicBool,
    /// Why something of the result is not on stdout.
    lost: OnceLock<io::Error>,
}

impl Output {
    pub(crate) fn new(format: Format) -> Self {
        Self {
            format,
            waiting: AtomicBool::new(false),
            lost: OnceLock::new(),
        }
    }

    /// Whether a program reads what is said.
    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// One line of the result, on stdout; nothing with `--json`.
    pub(crate) fn line(&self, text: impl Display) {
        if self.format == Format::Text {
            self.print(&text);
        }
    }

    /// Something to know that is not the result, on stderr.
    pub(crate) fn note(&self, text: impl Display) {
        warn(format_args!("medshare: {text}"));
    }

    /// Refuses to mix a file with the object of `--json` on one stdout.
    pub(crate) fn check_target(&self, out: &Path) -> Result<()> {
        if file::is_dash(out) && self.is_json() {
            bail!("--json writes its object to stdout; name a file instead of -");
        }
        Ok(())
    }

    /// Says what was done, on stderr when the file itself went to stdout.
    pub(crate) fn say(&self, out: &Path, text: impl Display) {
        if file::is_dash(out) {
            self.note(text);
        } else {
            self.line(text);
        }
    }

    /// Says once that another process has `what` and that this one waits for it.
    pub(crate) fn waiting(&self, what: impl Display) {
        if !self.waiting.swap(true, Ordering::Relaxed) {
            self.note(format_args!(
                "another process is using {what}; waiting for it"
            ));
        }
    }

    /// A bar of `bytes` on stderr, hidden when stderr is no terminal or with `--json`.
    pub(crate) fn progress(&self, what: &str, bytes: u64) -> ProgressBar {
        let bar = ProgressBar::new(bytes).with_message(what.to_owned());
        let target = if self.format == Format::Text && io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        bar.set_draw_target(target);
        let style = ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes}");
        bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    }

    /// A bar of `count` things on stderr, hidden as [`Output::progress`] is.
    pub(crate) fn count(&self, what: &str, count: u64) -> ProgressBar {
        let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len}");
        self.progress(what, count)
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    }

    /// Prints the object of `--json`, or the reason of a rejection, and gives the exit code. A result that could not be printed is an
    /// error, also of what was done; a verdict stays what it is.
    pub(crate) fn finish(&self, outcome: &Outcome) -> ExitCode {
        let code = self.ended(outcome);
        match self.lost.get() {
            None => code,
            Some(error) => {
                warn(format_args!(
                    "medshare: error: cannot write to stdout: {error}"
                ));
                match outcome {
                    Outcome::Rejected { .. } => code,
                    _ => ExitCode::FAILURE,
                }
            }
        }
    }

    fn ended(&self, outcome: &Outcome) -> ExitCode {
        match outcome {
            Outcome::Done(fields) => {
                self.object(fields.clone());
                ExitCode::SUCCESS
            }
            Outcome::Told => ExitCode::SUCCESS,
            Outcome::Rejected {
                step,
                reason,
                fields,
            } => {
                let at = step
                    .map(|step| format!(" at step {step}"))
                    .unwrap_or_default();
                warn(format_args!("medshare: rejected{at}: {reason}"));
                let mut fields = fields.clone();
                fields.insert("verdict".to_owned(), "rejected".into());
                fields.insert("step".to_owned(), (*step).into());
                fields.insert("reason".to_owned(), reason.clone().into());
                self.object(fields);
                ExitCode::from(3)
            }
            Outcome::Partial { error, fields } => {
                warn(format_args!("medshare: error: {error}"));
                let mut fields = fields.clone();
                fields.insert("error".to_owned(), error.clone().into());
                self.object(fields);
                ExitCode::FAILURE
            }
        }
    }

    /// Prints an error with its causes and gives the exit code.
    pub(crate) fn fail(&self, error: &anyhow::Error) -> ExitCode {
        let broken_pipe = error.chain().any(|cause| {
            cause
                .downcast_ref::<io::Error>()
                .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
        });
        if !broken_pipe {
            let text = causes(error);
            warn(format_args!("medshare: error: {text}"));
            self.object(Map::from_iter([("error".to_owned(), Value::String(text))]));
        }
        ExitCode::FAILURE
    }

    /// Prints the object of `--json` before the command ends: a program goes on with it meanwhile.
    pub(crate) fn tell(&self, fields: Value) {
        self.object(object(fields));
    }

    /// One of results that do not end: a text for people, an object on a line for programs.
    ///
    /// # Errors
    ///
    /// Nobody reads them any more.
    pub(crate) fn next(&self, text: impl Display, fields: &Value) -> Result<()> {
        let mut out = io::stdout().lock();
        match self.format {
            Format::Text => writeln!(out, "{text}")?,
            Format::Json => writeln!(out, "{fields}")?,
        }
        Ok(())
    }

    fn object(&self, fields: Map<String, Value>) {
        if self.format == Format::Json {
            self.print(&Value::Object(fields));
        }
    }

    /// One line on stdout. Whoever closed the other end of the pipe has what they wanted; any other failure is told at the end.
    fn print(&self, line: &dyn Display) {
        match writeln!(io::stdout().lock(), "{line}") {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                // the first one says why
                let _ = self.lost.set(error);
            }
            _ => {}
        }
    }
}

/// `n` bytes for people: `39 KB`, `1.2 MB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "KB")];
    for (unit, name) in UNITS {
        if bytes >= unit {
            let tenths = bytes / (unit / 10);
            return if tenths < 100 {
                format!("{}.{} {name}", tenths / 10, tenths % 10)
            } else {
                format!("{} {name}", bytes / unit)
            };
        }
    }
    format!("{bytes} bytes")
}

/// A time for people: `3.1 ms`, `1.2 s`.
pub(crate) fn time(elapsed: Duration) -> String {
    if elapsed < Duration::from_secs(1) {
        format!("{:.1} ms", elapsed.as_secs_f64() * 1e3)
    } else {
        format!("{:.1} s", elapsed.as_secs_f64())
    }
}

/// An error and its causes on one line, without saying twice what a cause repeats.
pub(crate) fn causes(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&cause);
        }
    }
    text
}

/// A figure in JSON, which knows no infinity: `"inf"` for that, null where there is none.
pub(crate) fn figure(value: f64) -> Value {
    if value == f64::INFINITY {
        "inf".into()
    } else {
        value.into()
    }
}

/// A path in JSON, which is text alone: what is not stands as U+FFFD there, as it does on a terminal.
pub(crate) fn place(path: &Path) -> Value {
    path.to_string_lossy().into()
}

fn object(fields: Value) -> Map<String, Value> {
    match fields {
        Value::Object(fields) => fields,
        other => Map::from_iter([("result".to_owned(), other)]),
    }
}

fn warn(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1_000, "1.0 KB"),
            (39_205, "39 KB"),
            (9_999_999, "9.9 MB"),
            (10_000_000, "10 MB"),
            (u64::MAX, "18446744073 GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn a_cause_is_not_said_twice() {
        let error = anyhow::anyhow!("disk full")
            .context("cannot write x: disk full")
            .context("share");
        assert_eq!(causes(&error), "share: cannot write x: disk full");
    }
}
