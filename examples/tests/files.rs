//! What the program writes to files, pipes and standard output, and what it leaves alone.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::process::{Command, Stdio};

use pgp_envelope::{Key, KeyOptions};

mod common;
use common::{PASSPHRASE, Place, Ran, image, program, text, tiff};

/// Every target was renamed over its path: `--out /dev/null` made an ordinary file of the device, where who ran it might.
#[test]
#[cfg(target_os = "linux")]
fn what_is_no_ordinary_file_is_written_into() {
    use std::io::Read as _;
    use std::os::unix::fs::FileTypeExt as _;
    let place = Place::empty();
    let options = KeyOptions::new("Alice <alice@a.example>");
    let key = Key::generate(&options).unwrap().key;
    fs::write(place.path("alice.key"), &*key.to_armored()).unwrap();
    fs::write(place.path("alice.pgp"), key.cert().to_armored()).unwrap();
    fs::write(place.path("letter"), "Dear Bob").unwrap();
    fs::write(place.path("scan.tif"), tiff(64, 64)).unwrap();
    let pipe = place.path("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    std::os::unix::fs::symlink("pipe", place.path("link")).unwrap();
    // both ends, so that no side waits for the other
    let mut end = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&pipe)
        .unwrap();
    let mut written = |command: &[&str], out: &str| {
        place.run(command.iter().chain(&["--out", out])).ok();
        assert!(
            fs::metadata(&pipe).unwrap().file_type().is_fifo(),
            "{command:?}"
        );
        assert!(fs::read_link(place.path("link")).is_ok());
        let mut bytes = vec![0; 1 << 16];
        let read = end.read(&mut bytes).unwrap();
        bytes.truncate(read);
        bytes
    };
    let hide = ["hide", "scan.tif", "--payload", "letter"];
    place.run(hide.iter().chain(&["--out", "stego"])).ok();
    let stego = fs::read(place.path("stego")).unwrap();
    assert!(written(&hide, "pipe") == stego);
    assert!(written(&hide, "link") == stego);
    let sealed = written(
        &[
            "seal",
            "letter",
            "--to",
            "alice.pgp",
            "--signer",
            "alice.key",
        ],
        "pipe",
    );
    fs::write(place.path("msg"), sealed).unwrap();
    let open = ["open", "msg", "--key", "alice.key", "--from", "alice.pgp"];
    assert_eq!(written(&open, "pipe"), b"Dear Bob");

    // standard output by its other name
    let hidden = place.run(hide.iter().chain(&["--out", "/dev/stdout"])).ok();
    assert!(hidden.stdout == stego);
    assert!(hidden.stderr.contains("hid 8 bytes"), "{hidden:?}");
    let fresh = ["key", "cert", "alice.key", "--out", "pipe"];
    place.run(fresh).fails(1, &["pipe exists"]);
}

/// What could not be written was lost without a word, and the exit code said that all was well.
#[test]
#[cfg(target_os = "linux")]
fn a_result_that_cannot_be_printed_is_an_error() {
    let place = Place::empty();
    let options = KeyOptions::new("Alice <alice@a.example>");
    let key = Key::generate(&options).unwrap().key;
    fs::write(place.path("alice.key"), &*key.to_armored()).unwrap();
    let cert = |stdout: Stdio, more: &[&str]| {
        let mut program = program(place.directory.path());
        let command = program.args(["key", "cert", "alice.key"]).args(more);
        Ran::of(command.stdout(stdout).output().unwrap())
    };
    for more in [&[][..], &["--json"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full");
        cert(full.unwrap().into(), more).fails(1, &["cannot write to stdout", "No space left"]);
    }
    // who closes a pipe has what they wanted
    let (read, write) = std::io::pipe().unwrap();
    drop(read);
    let closed = cert(write.into(), &[]).ok();
    assert_eq!(closed.stderr, "");
}

/// Whatever went wrong, FILE was removed, also where somebody else had written it.
#[test]
#[cfg(unix)]
fn a_file_of_others_is_not_signed_into() {
    use std::io::Write as _;
    let place = Place::new();
    let phantom = image("phantom.png");
    let share = ["share", "--home", "alice", "--to", "bob.pgp"];
    let file = [phantom.to_str().unwrap(), "--sign-only", "signed"];
    let share = [&share[..], &file].concat();
    let pipe = place.path("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let sharing = program(place.directory.path())
        .args(share.iter().chain(&["--passphrase-file", "pipe"]))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // opens when the command reads its passphrase; the ledger is away when it signs
    let mut passphrase = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    let (ledger, away) = (place.path("shared/ledger.redb"), place.path("away"));
    fs::rename(&ledger, &away).unwrap();
    fs::write(place.path("signed"), "of others").unwrap();
    passphrase.write_all(PASSPHRASE.as_bytes()).unwrap();
    drop(passphrase);
    Ran::of(sharing.wait_with_output().unwrap()).fails(1, &["no ledger"]);
    assert_eq!(fs::read(place.path("signed")).unwrap(), b"of others");
    let kept = fs::read_dir(place.path("alice/shares")).unwrap();
    assert_eq!(kept.count(), 0, "of a share that was not signed");

    fs::rename(&away, &ledger).unwrap();
    place
        .run(share)
        .fails(1, &["signed exists and is not overwritten"]);
    assert_eq!(fs::read(place.path("signed")).unwrap(), b"of others");
}

/// All were for their owner alone, whatever the umask said, also over a file that others could read: a report could not be shown.
#[test]
#[cfg(unix)]
fn what_is_made_for_others_follows_the_umask() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::empty();
    fs::write(place.path("scan.tif"), tiff(64, 64)).unwrap();
    fs::write(place.path("letter"), "Dear Bob").unwrap();
    fs::write(place.path("stood"), "closed").unwrap();
    fs::set_permissions(place.path("stood"), fs::Permissions::from_mode(0o600)).unwrap();
    let shell = |umask: &str, line: &str| {
        let line = format!(
            "umask {umask} && exec {} {line}",
            env!("CARGO_BIN_EXE_medshare")
        );
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &line])
            .current_dir(place.directory.path());
        Ran::of(shell.output().unwrap()).ok();
    };
    let hide = "hide scan.tif --payload letter --out";
    shell("022", &format!("{hide} stego"));
    shell("027", &format!("{hide} group"));
    shell("022", &format!("{hide} stood"));
    shell("022", "extract stego --out back");
    shell(
        "022",
        "lab scan.tif --schemes replacement --rates 0.5 --out lab",
    );
    for (file, expected) in [
        ("stego", 0o644),
        ("group", 0o640),
        ("lab/report.html", 0o644),
        ("lab/results.csv", 0o644),
        // what was closed stays so, and what was hidden is nobody else's
        ("stood", 0o600),
        ("back", 0o600),
    ] {
        let mode = fs::metadata(place.path(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, expected, "{file}: {mode:o}");
    }
}

/// `cert --out HOME/key.pgp` put the cert in the place of the only secret key.
#[test]
fn a_cert_is_written_over_nothing_else() {
    let place = Place::empty();
    let init = [
        "init",
        "--home",
        "city",
        "--name",
        "c",
        "--email",
        "c@c.example",
    ];
    place.run(init.iter().chain(&["--no-passphrase"])).ok();
    let key = fs::read(place.path("city/key.pgp")).unwrap();
    let cert = |out| place.run(["cert", "--home", "city", "--out", out]);
    cert("city/key.pgp").fails(1, &["city/key.pgp exists and is not overwritten"]);
    assert!(fs::read(place.path("city/key.pgp")).unwrap() == key);
    // the same cert again is no other one
    cert("city.pgp").ok();
    cert("city.pgp").ok();
    place.run(["rotate-key", "--home", "city"]).ok();
    cert("city.pgp").fails(1, &["city.pgp exists"]);
}

#[test]
fn a_file_and_the_object_of_json_are_not_mixed() {
    let place = Place::empty();
    fs::write(place.path("letter"), "Dear Bob").unwrap();
    let added = place.run(["add", "letter", "--store", "store"]).ok();
    let cat = ["cat", added.text().trim(), "--store", "store"];
    assert_eq!(place.run(cat).ok().stdout, b"Dear Bob");
    let ran = place.run(cat.iter().chain(&["--json"]));
    let error = ran.fails(1, &["--json"]).json();
    assert!(text(&error, "error").contains("stdout"), "{error}");
}

/// A CAR is as large as what is in it, and was held whole in memory: what came before a missing block is on stdout now.
#[test]
fn a_car_goes_to_stdout_as_it_is_made() {
    let place = Place::empty();
    fs::write(place.path("scan"), vec![7; 3 << 20]).unwrap();
    let added = place.run(["add", "scan", "--store", "store"]).ok();
    let root = added.text().trim();
    let export = |store| place.run(["car", "export", root, "--out", "-", "--store", store]);
    let car = export("store").ok().stdout;
    // header and root: each begins with its length in seven bits a byte
    let mut end = 0;
    for _ in 0..2 {
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = usize::from(car[end]);
            end += 1;
            length |= (byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        end += length;
    }
    fs::write(place.path("root.car"), &car[..end]).unwrap();
    place
        .run(["car", "import", "root.car", "--store", "other"])
        .fails(1, &[]);
    let cut = export("other").fails(1, &["is missing"]);
    assert!(cut.stdout == car[..end], "{}", cut.stdout.len());
}

/// The object of `--json` was made of paths whether it was asked for or not: one that is no UTF-8 ended the program in a panic,
/// after the file was written. The laboratory did not even begin, as it says the words it was run with.
#[test]
#[cfg(target_os = "linux")]
fn paths_may_be_any_bytes() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let place = Place::empty();
    let image = OsStr::from_bytes(b"scan-\xff.tif");
    fs::write(place.directory.path().join(image), tiff(64, 64)).unwrap();
    fs::write(place.path("letter"), "Dear Bob").unwrap();
    let stego = OsStr::from_bytes(b"stego-\xff.tif");
    let back = OsStr::from_bytes(b"back-\xff");
    let lab = OsStr::from_bytes(b"lab-\xff");
    let word = OsStr::new;
    let (out, payload) = (word("--out"), word("--payload"));
    let hide = [word("hide"), image, payload, word("letter"), out, stego];
    let lab_words = ["--schemes", "replacement", "--rates", "0.5"].map(word);
    let lab = [&[word("lab"), image, out, lab][..], &lab_words].concat();
    for line in [
        &hide[..],
        &[word("extract"), stego, out, back],
        &[word("capacity"), image],
        &[word("detect"), image],
        &[word("compare"), image, stego],
        &lab,
    ] {
        place.run(line).ok();
        place.run(line.iter().chain(&[word("--json")])).ok().json();
    }
    let written = place.directory.path().join(back);
    assert_eq!(fs::read(written).unwrap(), b"Dear Bob");
}

/// The image took all of stdin, so that the payload was found to be empty, and its hiding was told as a success.
#[test]
fn stdin_is_one_input() {
    let place = Place::empty();
    let image = tiff(64, 64);
    fs::write(place.path("scan.tif"), &image).unwrap();
    for line in [
        "hide - --payload - --out stego",
        "hide - --payload scan.tif --key-file - --out stego",
        "hide scan.tif --payload - --key-file - --out stego",
        "extract - --key-file - --out back",
        "capacity - --key-file -",
        "compare - -",
    ] {
        let ran = place.run_with(&image, line.split(' '));
        ran.fails(1, &["only one input can be stdin (-)"]);
    }
    assert!(!place.path("stego").exists());
}

/// A stego image took the place of the only key, and a payload that of the stego image it had come from.
#[test]
fn what_was_read_is_not_written_over() {
    let place = Place::empty();
    for (name, bytes) in [
        ("scan.tif", &tiff(64, 64)[..]),
        ("letter", b"Dear Bob"),
        ("key", &[7; 32]),
    ] {
        fs::write(place.path(name), bytes).unwrap();
    }
    let hide = "hide scan.tif --payload letter --key-file key --out";
    place.run(format!("{hide} stego").split(' ')).ok();
    for (line, words) in [
        (
            format!("{hide} key"),
            "--out and --key-file name the same file",
        ),
        (
            format!("{hide} ./letter"),
            "--out and --payload name the same file",
        ),
        (
            "extract stego --key-file key --out ./stego".to_owned(),
            "--out and the stego image name the same file",
        ),
        (
            "extract stego --key-file key --out key".to_owned(),
            "--out and --key-file name the same file",
        ),
        (
            "extract stego --key-file key --out back --restore key".to_owned(),
            "--restore and --key-file name the same file",
        ),
    ] {
        let before = ["key", "letter", "stego"].map(|name| fs::read(place.path(name)).unwrap());
        place.run(line.split(' ')).fails(1, &[words]);
        let after = ["key", "letter", "stego"].map(|name| fs::read(place.path(name)).unwrap());
        assert!(before == after, "{line}");
    }
    // in the place of the cover, which is what was asked for
    place
        .run("hide scan.tif --payload letter --out scan.tif".split(' '))
        .ok();
}
