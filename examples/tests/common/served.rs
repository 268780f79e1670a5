//! A node that runs while a test does.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use super::{Place, program};

/// A running `medshare node`, killed when the test ends before it is stopped.
pub struct Served {
    pub child: Child,
    pub url: String,
    /// `KEY@URL`, of one that witnesses.
    pub witness: Option<String>,
}

impl Served {
    pub fn new(place: &Place, home: &str) -> Self {
        Self::with(place, home, &[])
    }

    pub fn with(place: &Place, home: &str, more: &[&str]) -> Self {
        let mut child = program(place.directory.path())
            .args(["node", "--home", home, "--listen", "127.0.0.1:0"])
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        let url = line.strip_prefix("serving ").unwrap().to_owned();
        let witness = more.contains(&"--witness-name").then(|| {
            let line = lines.nth(1).unwrap().unwrap();
            line.strip_prefix("witness ").unwrap().to_owned()
        });
        // somebody has to listen for as long as it speaks
        std::thread::spawn(move || lines.count());
        Self {
            child,
            url,
            witness,
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
