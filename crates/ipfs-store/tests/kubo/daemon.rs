//! A daemon of one's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ipfs_store::{Endpoint, Gateway, Kubo};
use tempfile::TempDir;

/// Kubo's program, or `None`, said aloud, when it is not there.
pub(crate) fn program() -> Option<PathBuf> {
    let named = std::env::var_os("KUBO").map(PathBuf::from);
    // this file serves the tests of the program, too, which lie at another depth
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let found = named
        .into_iter()
        .chain(folders.map(|folder| folder.join("target/kubo/ipfs")))
        .find(|path| path.is_file());
    if found.is_none() {
        let what = "no Kubo: `bash .ci/kubo` builds it into target/kubo, or KUBO names one";
        assert!(
            std::env::var_os("MEDSHARE_FORBID_SKIPS").is_none(),
            "{what}"
        );
        println!("skipped: {what}");
    }
    found
}

/// A daemon that is killed when it is dropped.
pub(crate) struct Daemon {
    program: PathBuf,
    pub(crate) repo: TempDir,
    child: Option<Child>,
}

impl Daemon {
    /// Starts a daemon; `None` without Kubo.
    pub(crate) fn start() -> Option<Self> {
        let mut daemon = Self::init()?;
        daemon.run();
        Some(daemon)
    }

    /// A repository whose daemon does not run yet.
    pub(crate) fn init() -> Option<Self> {
        let daemon = Self {
            program: program()?,
            repo: tempfile::tempdir().unwrap(),
            child: None,
        };
        daemon.ipfs(&["init", "--empty-repo", "--profile=test"]);
        for (key, json) in [
            ("Addresses.API", r#""/ip4/127.0.0.1/tcp/0""#),
            ("Addresses.Gateway", r#""/ip4/127.0.0.1/tcp/0""#),
            ("Addresses.Swarm", r#"["/ip4/127.0.0.1/tcp/0"]"#),
            ("AutoConf.Enabled", "false"),
            ("AutoTLS.Enabled", "false"),
            ("Bootstrap", "[]"),
            ("DNS.Resolvers", "{}"),
            ("Discovery.MDNS.Enabled", "false"),
            ("Gateway.NoFetch", "true"),
            ("Ipns.DelegatedPublishers", "[]"),
            ("Provide.Enabled", "false"),
            ("Routing.DelegatedRouters", "[]"),
            ("Routing.Type", r#""none""#),
            ("Swarm.RelayClient.Enabled", "false"),
            ("Swarm.Transports.Network.QUIC", "false"),
            ("Swarm.Transports.Network.WebTransport", "false"),
            ("Swarm.Transports.Network.WebRTCDirect", "false"),
        ] {
            daemon.configure(key, json);
        }
        Some(daemon)
    }

    pub(crate) fn configure(&self, key: &str, json: &str) {
        self.ipfs(&["config", "--json", key, json]);
    }

    /// Runs the daemon until it answers.
    pub(crate) fn run(&mut self) {
        for left in ["api", "gateway"] {
            drop(fs::remove_file(self.repo.path().join(left)));
        }
        let log = fs::File::create(self.repo.path().join("daemon.log")).unwrap();
        let child = self
            .command(&["daemon"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        self.child = Some(child.unwrap());
        let start = Instant::now();
        let ready = || {
            let log = fs::read_to_string(self.repo.path().join("daemon.log")).unwrap_or_default();
            ["api", "gateway"]
                .iter()
                .all(|file| self.repo.path().join(file).is_file())
                && log.contains("Daemon is ready")
        };
        while !ready() {
            if start.elapsed() > Duration::from_secs(60) {
                let log = fs::read_to_string(self.repo.path().join("daemon.log"));
                panic!("the daemon does not start: {}", log.unwrap_or_default());
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// As when the power fails.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(args)
            .env("IPFS_PATH", self.repo.path())
            .env("IPFS_TELEMETRY", "off");
        command
    }

    /// Runs a command of the program, and returns what it prints.
    pub(crate) fn ipfs(&self, args: &[&str]) -> Vec<u8> {
        let output = self.command(args).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ipfs {args:?}: {errors}");
        output.stdout
    }

    /// As [`Daemon::ipfs`], for one line of text.
    pub(crate) fn line(&self, args: &[&str]) -> String {
        String::from_utf8(self.ipfs(args))
            .unwrap()
            .trim()
            .to_owned()
    }

    /// `127.0.0.1` and the port of the RPC.
    pub(crate) fn api(&self) -> String {
        let address = fs::read_to_string(self.repo.path().join("api")).unwrap();
        let port = address.trim().rsplit('/').next().unwrap();
        format!("127.0.0.1:{port}")
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::new(&format!("http://{}", self.api()))
    }

    pub(crate) fn kubo(&self) -> Kubo {
        Kubo::new(self.endpoint()).unwrap()
    }

    pub(crate) fn gateway(&self) -> Gateway {
        let url = fs::read_to_string(self.repo.path().join("gateway")).unwrap();
        Gateway::new(Endpoint::new(url.trim())).unwrap()
    }

    /// A file beside the repository, for commands that read files.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.repo.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}
