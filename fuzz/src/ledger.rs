//! Properties of ledger-core: decoders, proofs, and the state machine against its model.

#![allow(
    clippy::missing_panics_doc,
    reason = "a property panics when it does not hold"
)]

use std::io;
use std::sync::{Arc, OnceLock};

use ledger_core::merkle::{ConsistencyProof, InclusionProof, leaf_hash, root_of};
use ledger_core::store::{LedgerStore, MemoryStore, RedbStore};
use ledger_core::testing::{Chain, Person, genesis, model, node_key, share};
use ledger_core::{
    AbsenceBundle, AddCheckpoint, AnswerBundle, Block, Checkpoint, Digest, Error, Genesis, Header,
    Height, Ledger, LogKey, ProofBundle, Transaction, Trust, Witness, WitnessKey, verify,
    verify_absence, verify_answer,
};
use ledger_node::batch;
use ledger_node::tile::TilePath;
use redb::StorageBackend;
use redb::backends::InMemoryBackend;

use crate::Target;

/// The targets of this module.
pub const TARGETS: &[Target] = &[
    ("ledger_answer", answer),
    ("ledger_batch", batch),
    ("ledger_block", block),
    ("ledger_checkpoint", checkpoint),
    ("ledger_export", export),
    ("ledger_journal", journal),
    ("ledger_merkle", merkle),
    ("ledger_model", model),
    ("ledger_proof", proof),
    ("ledger_tile", tile),
    ("ledger_transaction", transaction),
    ("ledger_witness", witness),
];

/// A chain with five shares, the log's key, and what is true of it.
fn chain() -> &'static (Chain, Trust) {
    static CHAIN: OnceLock<(Chain, Trust)> = OnceLock::new();
    CHAIN.get_or_init(|| {
        let mut chain = Chain::new(3);
        for number in 0..5 {
            chain
                .send(
                    &Person::new(1),
                    share(number, &[&Person::new(2), &Person::new(3)]),
                )
                .expect("the rules allow it");
        }
        let trust = Trust::new(chain.ledger.genesis().log_key());
        (chain, trust)
    })
}

/// What is read as a transaction is written to the same bytes, and the state machine answers it.
pub fn transaction(data: &[u8]) {
    if let Ok(tx) = Transaction::from_bytes(data) {
        assert_eq!(tx.to_bytes(), data);
        let (chain, _) = chain();
        let _ = chain.ledger.check(&tx, chain.time);
        let _ = tx.check();
    }
}

/// A batch falls into items that are whole, by the words of RFC 8949, and nothing of it is left but what is none; what is read as a
/// transaction is one item.
pub fn batch(data: &[u8]) {
    let mut rest = data;
    loop {
        let before = rest;
        let item = batch::take(&mut rest);
        match well_formed(before, 100) {
            Ok(end) => assert_eq!((item.is_some(), rest), (true, end)),
            Err(Some(NoItem)) => assert_eq!((item, rest), (None, before)),
            Err(None) => {}
        }
        let Some(item) = item else { break };
        let (head, end) = before.split_at(item.len());
        assert!(!item.is_empty() && item == head && rest == end);
    }
    if Transaction::from_bytes(data).is_ok() {
        let mut rest = data;
        assert_eq!((batch::take(&mut rest), rest), (Some(data), &[][..]));
    }
}

/// What begins with no item of definite length.
#[derive(Debug)]
struct NoItem;

/// What is behind the first item, in the manner of RFC 8949, appendix C, which goes down into items; nothing is said of deeper ones.
fn well_formed(bytes: &[u8], depth: u32) -> Result<&[u8], Option<NoItem>> {
    let none = || Some(NoItem);
    let depth = depth.checked_sub(1).ok_or(None)?;
    let (head, rest) = bytes.split_first().ok_or_else(none)?;
    let long = match head & 0x1f {
        0..=23 => 0,
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => return Err(none()),
    };
    let (long, mut rest) = rest.split_at_checked(long).ok_or_else(none)?;
    let argument = match long {
        [] => u64::from(head & 0x1f),
        long => {
            let mut argument = [0; 8];
            argument[8 - long.len()..].copy_from_slice(long);
            u64::from_be_bytes(argument)
        }
    };
    let items = match head >> 5 {
        0 | 1 | 7 => 0,
        2 | 3 => {
            let argument = usize::try_from(argument).map_err(|_| none())?;
            return rest.get(argument..).ok_or_else(none);
        }
        4 => u128::from(argument),
        5 => u128::from(argument) * 2,
        _ => 1,
    };
    for _ in 0..items {
        rest = well_formed(rest, depth)?;
    }
    Ok(rest)
}

/// What is read as the name of a tile is written as it was, so that no tile has two.
pub fn tile(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Some(path) = TilePath::read(text) {
        assert_eq!(path.to_string(), text);
        assert!((1..=256).contains(&path.width));
    }
}

/// What is read as a block, a header or a genesis is written to the same bytes.
pub fn block(data: &[u8]) {
    if let Ok(block) = Block::from_bytes(data) {
        assert_eq!(block.to_bytes(), data);
    }
    if let Ok(header) = Header::from_bytes(data) {
        assert_eq!(header.to_bytes(), data);
    }
    if let Ok(genesis) = Genesis::from_bytes(data) {
        assert_eq!(genesis.to_bytes(), data);
    }
}

/// A proof that is believed says what the chain says, and nothing else is believed.
pub fn proof(data: &[u8]) {
    let (chain, trust) = chain();
    if let Ok(bundle) = ProofBundle::from_bytes(data) {
        assert_eq!(bundle.to_bytes(), data);
    }
    if let Ok(bundle) = AbsenceBundle::from_bytes(data) {
        assert_eq!(bundle.to_bytes(), data);
    }
    let view = chain.ledger.view().expect("memory does not fail");
    if let Ok(proven) = verify(data, trust) {
        let state = view.share(proven.share_id()).expect("memory does not fail");
        // the seeds are of this chain at earlier checkpoints too, but no share of it changes later
        assert_eq!(state.as_ref(), Some(proven.state()));
        let tx = view
            .transaction(proven.index())
            .expect("memory does not fail");
        assert_eq!(tx.as_ref(), Some(proven.transaction()));
    }
    if let Ok(absent) = verify_absence(data, trust) {
        let size = absent.checkpoint().size();
        let recorded = view.share(absent.share_id()).expect("memory does not fail");
        assert!(recorded.is_none_or(|share| share.index >= size));
    }
}

/// An answer that is believed says what the chain says, for each thing in it.
pub fn answer(data: &[u8]) {
    let (chain, trust) = chain();
    if let Ok(bundle) = AnswerBundle::from_bytes(data) {
        assert_eq!(bundle.to_bytes(), data);
    }
    let view = chain.ledger.view().expect("memory does not fail");
    let Ok(answer) = verify_answer(data, trust) else {
        return;
    };
    for (index, tx) in answer.transactions() {
        let recorded = view.transaction(index).expect("memory does not fail");
        assert_eq!(recorded.as_ref(), Some(tx));
        if let Some(block) = answer.block_of(index) {
            let height = view.height_of(index).expect("it is recorded");
            assert_eq!(block.header.height, height);
        }
    }
    // states are those of the checkpoint, and the seeds' are the newest
    if answer.header() == view.head() {
        for (address, member) in answer.members() {
            let state = view.member(address).expect("memory does not fail");
            assert_eq!(state.as_ref(), Some(member));
        }
        for (id, share) in answer.shares() {
            let state = view.share(id).expect("memory does not fail");
            assert_eq!(state.as_ref(), Some(share));
        }
    }
}

/// A path proves a leaf exactly when it is the one that the words of RFC 6962 give; and so for growth.
pub fn merkle(data: &[u8]) {
    let Some(([size, index, then], rest)) = data.split_first_chunk::<3>() else {
        return;
    };
    let (size, index, then) = (u64::from(size % 40), u64::from(*index), u64::from(*then));
    let leaves: Vec<_> = (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect();
    // a byte below 8 asks for the right hash, which a fuzzer would not find; others stand for themselves
    let (inclusion, consistency) = (path(&leaves, index), growth(&leaves, then));
    let claimed = |right: &[Digest]| {
        let at = |(n, byte): (usize, &u8)| match right.get(n) {
            Some(hash) if *byte < 8 => *hash,
            _ => Digest::new([*byte; 32]),
        };
        rest.iter().take(12).enumerate().map(at).collect::<Vec<_>>()
    };
    let root = root_of(&leaves);
    let leaf = leaf_hash(&index.to_be_bytes());
    let claim = claimed(&inclusion);
    let right = index < size && claim == inclusion;
    let proof = InclusionProof::claim(index, size, claim);
    assert_eq!(proof.root(&leaf) == Some(root), right, "{proof:?}");
    let claim = claimed(&consistency);
    let right = then <= size && claim == consistency;
    let old = leaves
        .get(..usize::try_from(then).expect("a byte"))
        .map(root_of);
    let proof = ConsistencyProof::claim(then, size, claim);
    let holds = old.is_some_and(|old| proof.holds(&old, &root));
    assert_eq!(holds, right, "{proof:?}");
}

/// PATH(m, D[n]) of RFC 6962, section 2.1.1, in its own words.
fn path(leaves: &[Digest], m: u64) -> Vec<Digest> {
    let at = usize::try_from(m).expect("a byte");
    if leaves.len() <= 1 || at >= leaves.len() {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut path, sibling) = match at.checked_sub(left.len()) {
        None => (path(left, m), root_of(right)),
        Some(rest) => (
            path(right, u64::try_from(rest).expect("a byte")),
            root_of(left),
        ),
    };
    path.push(sibling);
    path
}

/// PROOF(m, D[n]) of RFC 6962, section 2.1.2, in its own words.
fn growth(leaves: &[Digest], m: u64) -> Vec<Digest> {
    fn subproof(leaves: &[Digest], m: usize, whole: bool) -> Vec<Digest> {
        if m == leaves.len() {
            return if whole {
                Vec::new()
            } else {
                vec![root_of(leaves)]
            };
        }
        let (left, right) = leaves.split_at(split(leaves.len()));
        let (mut proof, sibling) = match m.checked_sub(left.len()) {
            None | Some(0) => (subproof(left, m, whole), root_of(right)),
            Some(rest) => (subproof(right, rest, false), root_of(left)),
        };
        proof.push(sibling);
        proof
    }
    match usize::try_from(m).expect("a byte") {
        // nothing is shown about a log without leaves
        0 => Vec::new(),
        m if m > leaves.len() => Vec::new(),
        m => subproof(leaves, m, true),
    }
}

/// The largest power of two below a number of leaves.
fn split(count: usize) -> usize {
    count.next_power_of_two() / 2
}

/// A note that is believed is one that the node signed.
pub fn checkpoint(data: &[u8]) {
    let (chain, trust) = chain();
    let text = String::from_utf8_lossy(data);
    if let Ok(checkpoint) = Checkpoint::open(&text, trust.log()) {
        let header = chain
            .ledger
            .view()
            .and_then(|view| view.header(checkpoint.height()));
        let header = header
            .expect("memory does not fail")
            .expect("the node signs headers of its chain");
        assert_eq!(
            (header.log_size, header.log_root),
            (checkpoint.size(), checkpoint.root())
        );
        assert_eq!(header.digest(), checkpoint.header());
    }
    if let Ok(key) = text.parse::<LogKey>() {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(key) = text.parse::<WitnessKey>() {
        assert_eq!(key.to_string(), text);
    }
}

/// A request to a witness has one spelling; what is cosigned is a checkpoint of the chain that continues the last one, and a
/// refusal changes nothing.
pub fn witness(data: &[u8]) {
    let (chain, trust) = chain();
    let text = String::from_utf8_lossy(data);
    let Ok(request) = text.parse::<AddCheckpoint>() else {
        return;
    };
    assert_eq!(request.to_string(), text);
    let view = chain.ledger.view().expect("memory does not fail");
    let header = |height| {
        let header = view.header(height).expect("memory does not fail");
        header.expect("the node signs headers of its chain")
    };
    // one that has cosigned nothing, and one that has cosigned the fifth block
    let fifth = Checkpoint::sign(chain.ledger.chain(), &header(Height(5)), &node_key());
    let fifth = Checkpoint::open(&fifth, trust.log()).expect("the node signed it");
    for last in [None, Some(fifth)] {
        let before = last.as_ref().map_or(0, Checkpoint::size);
        let key = Person::new(9).key;
        let mut witness = Witness::new("w.example", key, *trust.log(), last.clone());
        let witness = witness.as_mut().expect("a name without spaces");
        let Ok(line) = witness.add_checkpoint(&request, 1_700_000_000) else {
            assert_eq!(witness.last(), last.as_ref());
            continue;
        };
        let cosigned = witness.last().expect("it was cosigned");
        let (size, root) = (cosigned.size(), cosigned.root());
        let recorded = header(cosigned.height());
        assert_eq!((recorded.log_size, recorded.log_root), (size, root));
        assert!(size >= before);
        let note = format!("{}{line}", cosigned.note());
        let opened = Checkpoint::open_cosigned(&note, trust.log(), &[witness.key()]);
        assert_eq!(opened.map(|(_, found)| found), Ok(1));
    }
}

/// The state machine and its model give the same verdicts, states and proofs.
pub fn model(data: &[u8]) {
    model::run(data);
}

/// What is imported is a whole chain, and its export is the same bytes; but for the first line and the front, which version 1
/// did not have.
pub fn export(data: &[u8]) {
    const LINE_1: &[u8] = b"medshare ledger export v1\n";
    let ledger = match Ledger::import(MemoryStore::new(), data, &[], |_| {}) {
        Ok(ledger) => ledger,
        Err(Error::Store { .. }) => panic!("memory does not fail"),
        Err(_) => return,
    };
    ledger.audit(|_, _| {}).expect("an imported chain verifies");
    let mut again = Vec::new();
    ledger
        .export(&mut again, |_, _| {})
        .expect("memory does not fail");
    match data.strip_prefix(LINE_1) {
        Some(parts) => assert!(again.ends_with(parts)),
        None => assert_eq!(again, data),
    }
}

/// A disk in memory; clones share it.
#[derive(Clone, Debug)]
struct Disk(Arc<InMemoryBackend>);

impl Disk {
    fn new(bytes: &[u8]) -> Self {
        let disk = InMemoryBackend::new();
        let length = u64::try_from(bytes.len()).expect("some kibibytes");
        disk.set_len(length)
            .and_then(|()| disk.write(0, bytes))
            .expect("memory does not fail");
        Self(Arc::new(disk))
    }

    fn bytes(&self) -> Vec<u8> {
        let length = self.0.len().expect("memory does not fail");
        let mut bytes = vec![0; usize::try_from(length).expect("some kibibytes")];
        self.0.read(0, &mut bytes).expect("memory does not fail");
        bytes
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}

/// What a process leaves that is killed after its ledger's tables were written a few times and both files of the journal hold
/// something: the three disks, and every header.
struct Killed {
    disks: [Vec<u8>; 3],
    headers: Vec<Header>,
}

fn killed() -> &'static Killed {
    static KILLED: OnceLock<Killed> = OnceLock::new();
    KILLED.get_or_init(|| {
        let disks = [(); 3].map(|()| Disk::new(&[]));
        let store = RedbStore::over(disks.clone(), 12 << 10).expect("memory does not fail");
        let mut chain = Chain::over(store, genesis(1, 1), 2);
        for number in 0..14 {
            let sent = chain.send(&Person::new(1), share(number, &[&Person::new(2)]));
            sent.expect("the rules allow it");
        }
        let headers = headers(&chain.ledger);
        // as they are now: closing would empty the journal
        let disks = disks.map(|disk| disk.bytes());
        assert!(disks.iter().all(|disk| !disk.is_empty()));
        Killed { disks, headers }
    })
}

fn headers<S: LedgerStore>(ledger: &Ledger<S>) -> Vec<Header> {
    let view = ledger.view().expect("memory does not fail");
    let heights = 0..=view.head().height.0;
    let header = |height| view.header(Height(height)).expect("memory does not fail");
    heights
        .map(|height| header(height).expect("it is a chain"))
        .collect()
}

/// Whatever becomes of the journal beside a killed ledger, what opens is a beginning of its chain, whole, and all of it when nothing
/// became of it; anything else is damage with a name. The bytes are changes, seven each: what, where, how much.
pub fn journal(data: &[u8]) {
    let killed = killed();
    let [tables, even, odd] = &killed.disks;
    let mut files = [even.clone(), odd.clone()];
    for change in data.as_chunks::<7>().0.iter().take(64) {
        let [what, a, b, c, d, much, byte] = *change;
        let at = usize::try_from(u32::from_be_bytes([a, b, c, d])).expect("32 bits");
        let much = usize::from(much);
        let [file, other] = match what & 1 {
            0 => [0, 1],
            _ => [1, 0],
        };
        let [from, until] = {
            let length = files[file].len();
            let from = at % (length + 1);
            [from, (from + much).min(length)]
        };
        match what >> 1 & 7 {
            0 => files[file][from..until]
                .iter_mut()
                .for_each(|old| *old ^= byte),
            1 => files[file][from..until].fill(byte),
            2 => files[file].truncate(from),
            3 => files[file].truncate(from / 4096 * 4096),
            4 => files[file].extend(std::iter::repeat_n(byte, much * 64)),
            // pages change places, or come from the other file
            5 => {
                let [one, two] = [from / 4096, much % 16].map(|page| page * 4096);
                if one.max(two) + 4096 <= files[file].len() {
                    let page = files[file][two..two + 4096].to_vec();
                    files[file][one..one + 4096].copy_from_slice(&page);
                }
            }
            6 => {
                let page = from / 4096 * 4096;
                if page + 4096 <= files[file].len().min(files[other].len()) {
                    let copied = files[other][page..page + 4096].to_vec();
                    files[file][page..page + 4096].copy_from_slice(&copied);
                }
            }
            _ => files.swap(0, 1),
        }
    }
    let unchanged = files == [even.clone(), odd.clone()];
    let [even, odd] = &files;
    let disks = [tables, even, odd].map(|bytes| Disk::new(bytes));
    match RedbStore::over(disks, 12 << 10).and_then(Ledger::open) {
        Ok(ledger) => {
            let found = headers(&ledger);
            assert!(killed.headers.starts_with(&found), "another chain");
            assert!(!unchanged || found == killed.headers, "less of it");
            ledger.audit(|_, _| {}).expect("what opens is whole");
        }
        Err(Error::Damaged { .. }) => assert!(!unchanged, "what was not changed opens"),
        Err(other) => panic!("damage without its name: {other}"),
    }
}
