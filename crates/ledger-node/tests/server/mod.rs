//! A server on a free port, with person 0 as authority and persons 1 to 3 as members.

#![allow(dead_code, unreachable_pub, reason = "each test file uses some of it")]

pub mod ask;
pub mod proxy;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ledger_core::testing::Person;
use ledger_core::{Body, LogKey, Transaction, Unsigned};
use ledger_node::http::{Server, Settings, Stopper};
use ledger_node::{Client, Connecting, Founding, Node, Opening};

pub struct Running {
    pub folder: tempfile::TempDir,
    pub url: String,
    pub log: LogKey,
    stopper: Stopper,
    thread: Option<JoinHandle<ledger_node::Result<()>>>,
}

impl Running {
    pub fn new() -> Self {
        Self::with(Settings::new().rate(None))
    }

    pub fn with(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let founding = Founding::new("test", Person::new(0).authority());
        let node = Node::found(&folder.path().join("ledger"), founding).unwrap();
        for number in 1..=3 {
            let sequence = node.next_sequence(&Person::new(0).address).unwrap();
            let body = Person::new(number).enrollment();
            node.submit(&signed(&node, 0, sequence, body)).unwrap();
        }
        Self::serve(folder, node, settings)
    }

    /// Serves a copy of another ledger, without that node's key.
    pub fn without_key(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let founding = Founding::new("test", Person::new(0).authority());
        let node = Node::found(&folder.path().join("founded"), founding).unwrap();
        let mut export = Vec::new();
        node.export(&mut export, |_, _| ()).unwrap();
        let path = folder.path().join("ledger");
        let copy = Node::import(&path, export.as_slice(), None, |_| ()).unwrap();
        assert!(node.records() && !copy.records());
        Self::serve(folder, copy, settings)
    }

    pub fn serve(folder: tempfile::TempDir, node: Node, settings: Settings) -> Self {
        let log = node.log_key();
        let server = Server::bind(node, ([127, 0, 0, 1], 0).into(), settings).unwrap();
        let (url, stopper) = (server.url(), server.stopper());
        let thread = Some(std::thread::spawn(|| server.run()));
        Self {
            folder,
            url,
            log,
            stopper,
            thread,
        }
    }

    pub fn client(&self) -> Client<'static> {
        Client::connect(&self.url, self.log, Connecting::new()).unwrap()
    }

    /// The next transaction of a person.
    pub fn sign(&self, sender: u32, body: Body) -> Transaction {
        let client = self.client();
        let address = Person::new(sender).address;
        let sequence = client.member(&address).unwrap().unwrap().sequence;
        Unsigned::new(client.chain(), address, sequence, client.now(), body)
            .sign(&Person::new(sender).key)
    }

    pub fn send(&self, sender: u32, body: Body) -> ledger_core::Receipt {
        self.client().submit(&self.sign(sender, body)).unwrap()
    }

    /// Stops and gives the folder back, in which the file is closed.
    pub fn stop(mut self) -> tempfile::TempDir {
        self.stopper.stop();
        self.thread.take().unwrap().join().unwrap().unwrap();
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stopper.stop();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// What the writer waits for, whenever it asks for the time.
#[derive(Default)]
pub struct Hold {
    lock: Mutex<()>,
    waits: AtomicBool,
}

impl Hold {
    pub fn lock(&self) -> MutexGuard<'_, ()> {
        let holding = self.lock.lock().unwrap();
        self.waits.store(false, Ordering::SeqCst);
        holding
    }

    /// Returns when the writer waits.
    pub fn reached(&self) {
        let start = Instant::now();
        while !self.waits.load(Ordering::SeqCst) {
            assert!(start.elapsed() < Duration::from_secs(30), "nobody waits");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A server whose writer waits for a lock, because its clock does.
pub fn held(settings: Settings) -> (Running, Arc<Hold>) {
    let hold = Arc::new(Hold::default());
    let held = Arc::clone(&hold);
    let opening = Opening::new().clock(move || {
        held.waits.store(true, Ordering::SeqCst);
        drop(held.lock.lock());
        ask::now()
    });
    let folder = tempfile::tempdir().unwrap();
    let founding = Founding::new("test", Person::new(0).authority());
    let node = Node::found_with(&folder.path().join("ledger"), founding, opening).unwrap();
    (Running::serve(folder, node, settings.rate(None)), hold)
}

pub fn signed(node: &Node, sender: u32, sequence: u64, body: Body) -> Transaction {
    let sender = Person::new(sender);
    Unsigned::new(node.chain(), sender.address, sequence, node.now(), body).sign(&sender.key)
}
