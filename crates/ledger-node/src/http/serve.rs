//! Connections: accepted within limits, served, and finished before the server stops.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Extension};
use futures_util::FutureExt;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;

use super::api::{self, Shared};
#[cfg(feature = "client")]
use super::cosigning::Asker;
use super::cosigning::Cosigning;
use super::descriptors;
use super::limits::{Places, Rate};
use super::metrics::Metrics;
use super::settings::Settings;
use super::writer::{self, Progress};
use crate::{Error, Node, Result};

/// How many large answers are given at a time.
const LARGE: usize = 4;

/// A server of one node, bound to an address and ready to run.
#[derive(Debug)]
pub struct Server {
    runtime: Runtime,
    bound: Bound,
}

/// All of a server but what runs it.
#[derive(Debug)]
struct Bound {
    signals: Option<Signals>,
    listener: TcpListener,
    address: SocketAddr,
    node: Arc<Node>,
    settings: Settings,
    stop: Stopper,
}

/// Stops a server from anywhere; clones stop the same one.
#[derive(Clone, Debug)]
pub struct Stopper(Arc<watch::Sender<bool>>);

impl Stopper {
    /// Asks the server to answer what it has begun and to end. Calling it again changes nothing.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Server {
    /// Binds to an address; port 0 takes a free one.
    ///
    /// Where the process may open fewer files than the settings ask for connections (`RLIMIT_NOFILE`), its limit is raised, as far as
    /// the system lets it; what is missing then, [`Server::connections`] does without. The count knows of one server in a process.
    ///
    /// With [`Settings::stop_on_signals`], a signal that comes from now on ends [`Server::run`] in order, though that has yet to begin: whoever
    /// is told the address may rely on it.
    ///
    /// # Errors
    ///
    /// [`Error::Listen`] when the address cannot be had, [`Error::Descriptors`] when no connection could be had; [`Error::Runtime`] when
    /// the system gives no threads or no signals.
    pub fn bind(node: Node, address: SocketAddr, mut settings: Settings) -> Result<Self> {
        let connections = descriptors::allowed(settings.connections, settings.opens())?;
        if connections < settings.connections {
            settings.lower(connections);
        }
        let failed = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let failed = |source| Error::Runtime { source };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("ledger-http")
            .build()
            .map_err(failed)?;
        let signals = settings.signals.then(|| {
            let _in = runtime.enter();
            Signals::listen()
        });
        Ok(Self {
            runtime,
            bound: Bound {
                signals: signals.transpose().map_err(failed)?,
                listener,
                address,
                node: Arc::new(node),
                settings,
                stop: Stopper(Arc::new(watch::Sender::new(false))),
            },
        })
    }

    /// The address that it listens at.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.bound.address
    }

    /// How many connections may be open at a time: what the settings ask for, or fewer where the system allows too few open files.
    #[must_use]
    pub const fn connections(&self) -> usize {
        self.bound.settings.connections
    }

    /// Where clients find it.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.bound.settings.tls.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", self.bound.address)
    }

    /// The node that it serves.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.bound.node
    }

    /// What stops it.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        self.bound.stop.clone()
    }

    /// Serves until it is stopped; then takes no more connections, answers what it has begun, and returns when everything
    /// that was submitted is on disk and the file is closed. A periodic copy, or a slow read, that is still going on five seconds after
    /// the last answer is not waited for: within this process the file is closed when it has ended, and where the process ends before,
    /// its journal stays beside it as after a kill, and what there is of the copy, which the next one removes.
    ///
    /// # Errors
    ///
    /// [`Error::Runtime`] when the system gives no threads; what the first of its backups fails with.
    pub fn run(self) -> Result<()> {
        // a folder that cannot be used shows at once
        if let Some(backups) = &self.bound.settings.backups {
            backups.make(&self.bound.node)?;
        }
        let failed = |source| Error::Runtime { source };
        let Self { runtime, bound } = self;
        let writer = runtime.block_on(bound.serve()).map_err(failed)?;
        // what is still connected has had its time; with it goes the last way to submit, and the writer ends
        runtime.shutdown_timeout(Duration::from_secs(5));
        // a writer that panicked has said so already
        let _ = writer.join();
        Ok(())
    }
}

impl Bound {
    async fn serve(self) -> std::io::Result<std::thread::JoinHandle<()>> {
        let Settings {
            connections,
            timeout,
            ..
        } = self.settings;
        let mut signal = match self.signals {
            Some(signals) => signals.first().boxed(),
            None => std::future::pending().boxed(),
        };
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let metrics = Arc::new(Metrics::new());
        let (queue, waiting) = mpsc::channel(self.settings.queue.max(1));
        let size = self.node.head().map_or(0, |head| head.log_size);
        let (progress, seen) = watch::channel(Progress::new(size));
        let node = Arc::clone(&self.node);
        let writer = writer::start(node, waiting, progress, Arc::clone(&metrics))?;
        let (asking, cosigning) = watch::channel(Cosigning::default());
        #[cfg(feature = "client")]
        if !self.settings.witnesses.is_empty() {
            let witnesses = self.settings.witnesses.clone();
            let (node, metrics) = (Arc::clone(&self.node), Arc::clone(&metrics));
            let asker = Asker::new(node, witnesses, metrics, asking);
            tokio::spawn(asker.run(seen.clone(), self.stop.0.subscribe()));
        }
        #[cfg(not(feature = "client"))]
        drop(asking);
        if let Some(backups) = self.settings.backups {
            let (node, metrics) = (Arc::clone(&self.node), Arc::clone(&metrics));
            tokio::spawn(backups.run(node, metrics, self.stop.0.subscribe()));
        }
        // a transaction fits in any case
        let all_room = self.settings.queue_bytes.max(65_535);
        let router = api::router(Arc::new(Shared {
            node: self.node,
            queue,
            room: Arc::new(Semaphore::new(all_room)),
            all_room,
            progress: seen,
            stopping: self.stop.0.subscribe(),
            metrics: Arc::clone(&metrics),
            rate: self.settings.rate.map(Rate::new),
            proxies: self.settings.proxies.clone(),
            log: self.settings.log,
            streams: Places::new(self.settings.streams, self.settings.streams_per_address),
            batches: Places::new(self.settings.batches, self.settings.batches_per_address),
            refusals: Arc::default(),
            refusing: Semaphore::new(1),
            large: Arc::new(Semaphore::new(LARGE)),
            timeout,
            reads: self.settings.reads,
            witnessing: self.settings.witnessing,
            cosigning,
            shown: AtomicU64::new(0),
        }));
        if let Some(tls) = &self.settings.tls {
            tls.count(metrics.certificate_failures.clone());
        }
        let mut stopping = self.stop.0.subscribe();
        let graceful = GracefulShutdown::new();
        let connection = Connection {
            router,
            tls: self.settings.tls.map(|tls| TlsAcceptor::from(tls.config)),
            patience: self.settings.head_timeout,
        };
        metrics
            .connections_allowed
            .set(u64::try_from(connections).unwrap_or(u64::MAX));
        let places = Arc::new(Semaphore::new(connections.clamp(1, Semaphore::MAX_PERMITS)));
        // how many there are in all is counted above
        let addresses = Places::new(usize::MAX, self.settings.connections_per_address);
        let accept = || async {
            // a place first: those beyond the limit wait in the system's queue
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        loop {
            let (place, accepted) = tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => break,
                () = &mut signal => break,
                accepted = accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                // it was gone before its turn, and the next one has nothing to do with that
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                Err(_) => {
                    // the system as a whole is out of files, or of memory, say: what is open will be closed
                    metrics.accepts_failed.inc();
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            // a proxy's connections are everybody's
            let proxy = self.settings.proxies.contains(&peer.ip().to_canonical());
            let counted = if proxy {
                Ok(None)
            } else {
                addresses.enter(peer.ip()).map(Some)
            };
            let Ok(counted) = counted else {
                metrics.turned_away.inc();
                continue;
            };
            let (connection, watcher) = (connection.clone(), graceful.watcher());
            let metrics = Arc::clone(&metrics);
            metrics.connections.inc();
            tokio::spawn(async move {
                connection.serve(stream, peer, watcher).await;
                metrics.connections.dec();
                // its address's place first: who gets the other one may come from there
                drop(counted);
                drop(place);
            });
        }
        self.stop.stop();
        // whoever comes now is refused by the system, and does not wait for what will not come
        drop(listener);
        drop(connection);
        // whoever does not finish in the time of a request is cut off
        let _ = tokio::time::timeout(timeout, graceful.shutdown()).await;
        Ok(writer)
    }
}

/// What every connection is served with.
#[derive(Clone)]
struct Connection {
    router: Router,
    tls: Option<TlsAcceptor>,
    patience: Duration,
}

impl Connection {
    async fn serve(self, stream: tokio::net::TcpStream, peer: SocketAddr, watcher: Watcher) {
        // a small answer is not worth waiting for more
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        // whoever does not read what was asked for does not keep its place
        stream.set_write_timeout(Some(self.patience));
        let stream = Box::pin(stream);
        match self.tls.clone() {
            None => self.speak(stream, peer, watcher).await,
            Some(tls) => {
                if let Ok(Ok(stream)) =
                    tokio::time::timeout(self.patience, tls.accept(stream)).await
                {
                    self.speak(stream, peer, watcher).await;
                }
            }
        }
    }

    async fn speak<S>(self, stream: S, peer: SocketAddr, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = self.router.layer(Extension(ConnectInfo(peer)));
        let mut builder = Builder::new(TokioExecutor::new()).http1_only();
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.patience)
            .max_buf_size(64 * 1024);
        let connection =
            builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        // how a connection ends is the other side's business
        let _ = watcher.watch(connection.into_owned()).await;
    }
}

/// Whom SIGINT and SIGTERM are told to.
#[cfg(unix)]
#[derive(Debug)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Notes the signals that come from now on.
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Ends with the first of them.
    async fn first(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Whom Ctrl-C is told to.
#[cfg(windows)]
#[derive(Debug)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    /// Notes the presses that come from now on.
    fn listen() -> std::io::Result<Self> {
        Ok(Self(tokio::signal::windows::ctrl_c()?))
    }

    /// Ends with the first of them.
    async fn first(mut self) {
        drop(self.0.recv().await);
    }
}
