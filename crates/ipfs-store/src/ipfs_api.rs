//! Kubo over the crate `ipfs-api-backend-hyper`: for programs that hold such a client already.

use std::fmt;
use std::io::Cursor;
use std::time::Duration;

use futures_util::StreamExt as _;
use ipfs_api_backend_hyper::{
    BackendWithGlobalOptions, Error as ApiError, GlobalOptions, IpfsApi as _, IpfsClient, request,
};
use tokio::runtime::{Builder, Runtime};

use crate::hash::{DAG_CBOR, DAG_PB, SHA2_512};
use crate::{Block, BlockStore, Cid, Error, MAX_BLOCK, Result, hash, parse_cid};

/// A Kubo daemon as a store, asked through `ipfs-api-backend-hyper`; [`Kubo`](crate::Kubo) does more, and limits more.
///
/// A block that the daemon does not have on its own disk is missing. The crate has no limit on time; the daemon is asked to
/// give up after 30 s.
pub struct IpfsApi {
    client: BackendWithGlobalOptions<IpfsClient>,
    runtime: Runtime,
}

impl IpfsApi {
    /// Wraps a client, which says where the daemon is and how it is spoken to.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when no runtime can be made for it.
    pub fn new(client: IpfsClient) -> Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| Error::io("making a runtime", source))?;
        let options = GlobalOptions {
            offline: Some(true),
            timeout: Some(Duration::from_secs(30)),
        };
        let client = BackendWithGlobalOptions::new(client, options);
        Ok(Self { client, runtime })
    }
}

/// # Panics
///
/// Every operation waits, and panics when it is called from a task of an asynchronous runtime, as
/// [`Runtime::block_on`] does.
impl BlockStore for IpfsApi {
    fn get(&self, cid: &Cid) -> Result<Option<Block>> {
        hash::accept(cid)?;
        if let Some(block) = Block::inline(cid)? {
            return Ok(Some(block));
        }
        let text = cid.to_string();
        let read = self.runtime.block_on(async {
            let mut stream = self.client.block_get(&text);
            let mut bytes = Vec::new();
            while let Some(part) = stream.next().await {
                bytes.extend_from_slice(&part?);
                if bytes.len() > MAX_BLOCK {
                    break; // refused below, and not read to its end
                }
            }
            Ok(bytes)
        });
        match read {
            Ok(bytes) => Block::new(*cid, bytes).map(Some),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(failed("getting a block", error)),
        }
    }

    fn put(&self, block: &Block) -> Result<()> {
        let cid = block.cid();
        if Block::inline(cid)?.is_some() {
            return Ok(());
        }
        let codec = match cid.codec() {
            DAG_PB => "protobuf",
            DAG_CBOR => "cbor",
            _ => "raw",
        };
        let function = match cid.hash().code() {
            SHA2_512 => "sha2-512",
            _ => "sha2-256",
        };
        let options = request::BlockPut {
            format: Some(codec),
            mhtype: Some(function),
            ..request::BlockPut::default()
        };
        let bytes = Cursor::new(block.bytes().to_vec());
        let put = self.client.block_put_with_options(bytes, options);
        let answer = self
            .runtime
            .block_on(put)
            .map_err(|error| failed("putting a block", error))?;
        let stored = parse_cid(&answer.key)?;
        if stored.hash() == cid.hash() {
            Ok(())
        } else {
            Err(Error::WrongHash {
                cid: Box::new(*cid),
                found: Box::new(stored),
            })
        }
    }

    fn has(&self, cid: &Cid) -> Result<bool> {
        hash::accept(cid)?;
        if Block::inline(cid)?.is_some() {
            return Ok(true);
        }
        let text = cid.to_string();
        match self.runtime.block_on(self.client.block_stat(&text)) {
            Ok(_) => Ok(true),
            Err(error) if is_missing(&error) => Ok(false),
            Err(error) => Err(failed("asking for a block", error)),
        }
    }

    fn delete(&self, cid: &Cid) -> Result<bool> {
        if !self.has(cid)? {
            return Ok(false);
        }
        let text = cid.to_string();
        let removed = self.runtime.block_on(self.client.block_rm(&text));
        let answer = removed.map_err(|error| failed("deleting a block", error))?;
        match answer.error.filter(|error| !error.is_empty()) {
            None => Ok(true),
            Some(message) => Err(Error::Refused {
                url: String::new(),
                action: "deleting a block",
                status: 200,
                message,
            }),
        }
    }
}

impl fmt::Debug for IpfsApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IpfsApi").finish_non_exhaustive()
    }
}

fn is_missing(error: &ApiError) -> bool {
    let message = error.to_string();
    message.contains("could not find") || message.contains("not found")
}

fn failed(action: &'static str, error: ApiError) -> Error {
    Error::Store {
        action,
        source: error.to_string().into(), // the client's errors need not be Send
    }
}
