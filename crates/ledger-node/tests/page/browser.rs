//! A browser that does what a person does: keys, colours, narrow windows. Chromium over its pipe for debuggers: messages in
//! JSON that end with a zero byte, on file descriptors 3 and 4, so there is no port and nothing to find.

#![allow(unreachable_pub, reason = "a module of a test")]

use std::collections::BTreeSet;
use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser is many processes: more than two at once wait for each other longer than anybody's patience.
static SEATS: [Mutex<()>; 2] = [const { Mutex::new(()) }; 2];

fn seat() -> MutexGuard<'static, ()> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let seat = &SEATS[NEXT.fetch_add(1, Ordering::Relaxed) % SEATS.len()];
    // whoever panicked there has left
    seat.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A browser, if there is one.
fn program() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let path = env::var_os("PATH")?;
    let found = env::split_paths(&path).find_map(|folder| {
        names
            .iter()
            .map(|name| folder.join(name))
            .find(|file| file.is_file())
    });
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    if found.is_none() {
        assert!(
            env::var_os("MEDSHARE_FORBID_SKIPS").is_none(),
            "there is no Chromium"
        );
        eprintln!("skipped: there is no Chromium");
    }
    found
}

/// A browser of its own with one tab, and nothing remembered.
pub struct Browser {
    process: Process,
    from: Receiver<Value>,
    next: u64,
    session: Option<String>,
    /// What it asked the network for.
    requests: BTreeSet<String>,
    /// What it complained of: scripts that threw, and what the page's policy forbade.
    complaints: Vec<String>,
}

impl Browser {
    /// Starts one, if there is one.
    pub fn start() -> Option<Self> {
        program().map(|program| Self::of(&program))
    }

    fn of(program: &Path) -> Self {
        let seat = seat();
        let profile = tempfile::tempdir().unwrap();
        // the shell hands the pipes on as the descriptors that Chromium takes
        let mut child = Command::new("sh")
            .args([
                "-c",
                "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1",
            ])
            .arg(program)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--remote-debugging-pipe",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let process = Process {
            child,
            to,
            _profile: profile,
            _seat: seat,
        };
        let (say, from) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(answers).split(0).map_while(Result::ok) {
                let Ok(message) = serde_json::from_slice(&message) else {
                    break;
                };
                if say.send(message).is_err() {
                    break;
                }
            }
        });
        let mut browser = Self {
            process,
            from,
            next: 0,
            session: None,
            requests: BTreeSet::new(),
            complaints: Vec::new(),
        };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", attach);
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Network", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser.window(1_100, 1_200);
        browser
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        let mut answer = self.ask(method, params);
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].take()
    }

    /// The answer to a question, also when it is an error.
    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let mut message = json!({ "id": self.next, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.process.to.write_all(&bytes).unwrap();
        loop {
            let message = self.from.recv_timeout(PATIENCE).unwrap();
            if message["id"] == json!(self.next) {
                return message;
            }
            self.note(&message);
        }
    }

    fn note(&mut self, event: &Value) {
        let params = &event["params"];
        match event["method"].as_str() {
            Some("Network.requestWillBeSent") => {
                let url = params["request"]["url"].as_str().unwrap();
                self.requests.insert(url.to_owned());
            }
            Some("Runtime.exceptionThrown") => self.complaints.push(params.to_string()),
            // an answer of 404 is an answer
            Some("Log.entryAdded") if params["entry"]["source"] != "network" => {
                self.complaints.push(params["entry"].to_string());
            }
            _ => {}
        }
    }

    /// Opens an address in a document of its own.
    pub fn open(&mut self, url: &str) {
        self.call("Page.navigate", json!({ "url": "about:blank" }));
        self.until("location.href === 'about:blank'");
        let opened = self.call("Page.navigate", json!({ "url": url }));
        assert!(opened["errorText"].is_null(), "{url}: {opened}");
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'");
    }

    /// Runs a script before those of every document that is opened from now on.
    pub fn before(&mut self, script: &str) {
        let script = json!({ "source": script });
        self.call("Page.addScriptToEvaluateOnNewDocument", script);
    }

    /// What an expression says, in the page.
    pub fn run(&mut self, expression: &str) -> Value {
        let said = self.call("Runtime.evaluate", evaluation(expression));
        assert!(said["exceptionDetails"].is_null(), "{expression}: {said}");
        said["result"]["value"].clone()
    }

    /// The text of an expression.
    pub fn text(&mut self, expression: &str) -> String {
        let said = self.run(expression);
        said.as_str()
            .unwrap_or_else(|| panic!("{expression}: {said}"))
            .to_owned()
    }

    /// Waits until it is true.
    pub fn until(&mut self, expression: &str) {
        let begin = Instant::now();
        let whether = format!("!!({expression})");
        loop {
            let answer = self.ask("Runtime.evaluate", evaluation(&whether));
            let (said, error) = (&answer["result"], &answer["error"]);
            assert!(said["exceptionDetails"].is_null(), "{expression}: {said}");
            // while one document follows another there may be none to ask
            assert!(
                error.is_null() || error["code"] == -32_000,
                "{expression}: {error}"
            );
            if said["result"]["value"] == true {
                return;
            }
            if begin.elapsed() > PATIENCE {
                let page = self.ask(
                    "Runtime.evaluate",
                    evaluation("document.body?.innerText ?? ''"),
                );
                panic!("never so: {expression}\n{page}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the content of the page has these words.
    pub fn shows(&mut self, words: &str) {
        let words = json!(words);
        self.until(&format!(
            "document.querySelector('#main')?.innerText.includes({words})"
        ));
    }

    /// Presses a key: `Tab`, `Shift+Tab`, `Enter`, `Escape`, or a letter.
    pub fn press(&mut self, key: &str) {
        let (modifiers, key) = key.strip_prefix("Shift+").map_or((0, key), |key| (8, key));
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            letter => (u32::from(letter.as_bytes()[0].to_ascii_uppercase()), letter),
        };
        let event = |kind: &str| {
            json!({
                "type": kind, "key": key, "code": key, "text": text, "modifiers": modifiers, "windowsVirtualKeyCode": code,
            })
        };
        self.call("Input.dispatchKeyEvent", event("keyDown"));
        let mut up = event("keyUp");
        up["text"] = json!("");
        self.call("Input.dispatchKeyEvent", up);
    }

    /// Types letters, one key after the other.
    pub fn type_in(&mut self, text: &str) {
        for letter in text.chars() {
            self.press(&letter.to_string());
        }
    }

    /// Chooses a file, as the dialog of a field for files does.
    pub fn choose(&mut self, field: &str, file: &Path) {
        let root = self.call("DOM.getDocument", json!({}))["root"]["nodeId"].clone();
        let node = json!({ "nodeId": root, "selector": field });
        let node = self.call("DOM.querySelector", node)["nodeId"].clone();
        self.call(
            "DOM.setFileInputFiles",
            json!({ "files": [file], "nodeId": node }),
        );
    }

    /// What the person prefers: `dark` or `light`.
    pub fn prefers(&mut self, scheme: &str) {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        self.call(
            "Emulation.setEmulatedMedia",
            json!({ "features": [feature] }),
        );
    }

    /// The size of the window, in pixels of CSS.
    pub fn window(&mut self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.call("Emulation.setDeviceMetricsOverride", size);
    }

    /// Keeps a picture of the whole page, where `MEDSHARE_SCREENSHOTS` says.
    pub fn picture(&mut self, name: &str) {
        if let Some(folder) = env::var_os("MEDSHARE_SCREENSHOTS") {
            let shot = json!({ "captureBeyondViewport": true });
            let shot = self.call("Page.captureScreenshot", shot);
            let bytes = STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
            std::fs::write(Path::new(&folder).join(name), bytes).unwrap();
        }
    }

    /// Ends it: it asked nobody but this origin, and complained of nothing.
    pub fn asked_only(mut self, origin: &str) {
        self.run("0"); // what was asked before has been told then
        assert!(!self.requests.is_empty());
        let elsewhere: Vec<_> = self
            .requests
            .iter()
            .filter(|url| !url.starts_with(&format!("{origin}/")) && !url.starts_with("data:"))
            .filter(|url| *url != "about:blank")
            .collect();
        assert!(elsewhere.is_empty(), "{elsewhere:?}");
        assert!(self.complaints.is_empty(), "{:?}", self.complaints);
    }
}

fn evaluation(expression: &str) -> Value {
    json!({ "expression": expression, "returnByValue": true, "awaitPromise": true })
}

/// Ends with this value, whatever happens to whoever has it.
struct Process {
    child: Child,
    to: ChildStdin,
    /// Where it keeps its memory: gone after it.
    _profile: tempfile::TempDir,
    _seat: MutexGuard<'static, ()>,
}

impl Drop for Process {
    fn drop(&mut self) {
        // asked first, so that its own children end with it
        let close = json!({ "id": 0, "method": "Browser.close" }).to_string();
        drop(self.to.write_all(format!("{close}\0").as_bytes()));
        let begin = Instant::now();
        while let Ok(None) = self.child.try_wait() {
            if begin.elapsed() > Duration::from_secs(5) {
                drop(self.child.kill());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
