//! The limit of a submission over HTTP on this machine: a server that reads the same requests, and only writes and syncs.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

/// The bytes that a record takes in the ledger's journal, about.
const RECORD: usize = 1800;

/// Serves on a runtime of its own with two threads, as the ledger's server does; forever. The address.
pub(super) fn serve() -> Result<String> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?.to_string();
    let (submit, submitted) = mpsc::channel(4096);
    std::thread::spawn(move || write(submitted));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    std::thread::spawn(move || {
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener)?;
            loop {
                let (stream, _) = listener.accept().await?;
                tokio::spawn(answer(stream, submit.clone()));
            }
            #[allow(unreachable_code, reason = "the type of the block")]
            anyhow::Ok(())
        })
    });
    Ok(address)
}

/// Answers the requests of one connection: whatever comes in one piece is one.
async fn answer(mut stream: TcpStream, submit: mpsc::Sender<oneshot::Sender<()>>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut request = vec![0; 8192];
    while stream.read(&mut request).await? > 0 {
        let (written, wait) = oneshot::channel();
        submit.send(written).await?;
        wait.await?;
        stream
            .write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}")
            .await?;
    }
    Ok(())
}

/// Writes what waits as one group: into zeros that were written ahead, with one sync.
fn write(mut submitted: mpsc::Receiver<oneshot::Sender<()>>) -> Result<()> {
    const FILE: u64 = 256 << 20;
    let mut file: File = tempfile::tempfile_in(".")?;
    for _ in 0..FILE >> 20 {
        file.write_all(&[0; 1 << 20])?;
    }
    file.sync_all()?;
    let (mut at, mut group) = (0, Vec::new());
    while submitted.blocking_recv_many(&mut group, 1000) > 0 {
        file.seek(SeekFrom::Start(at))?;
        file.write_all(&vec![7; group.len() * RECORD])?;
        file.sync_data()?;
        at = (at + (group.len() * RECORD) as u64) % (FILE - (4 << 20));
        for written in group.drain(..) {
            // who asked may have gone
            let _ = written.send(());
        }
    }
    Ok(())
}
