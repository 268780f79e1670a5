//! A daemon that asks who is there, and one behind TLS.

use std::io::{self, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use ipfs_store::{Auth, BlockStore as _, Endpoint, Error, Kubo, Profile, dag};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::daemon::Daemon;

#[test]
fn a_daemon_may_ask_for_an_authorization() {
    let Some(mut daemon) = Daemon::init() else {
        return;
    };
    daemon.configure(
        "API.Authorizations",
        r#"{"token": {"AuthSecret": "bearer:a-token", "AllowedPaths": ["/api/v0"]},
            "person": {"AuthSecret": "basic:alice:a passphrase", "AllowedPaths": ["/api/v0"]},
            "reader": {"AuthSecret": "bearer:only-version", "AllowedPaths": ["/api/v0/version"]}}"#,
    );
    daemon.run();
    let with = |auth: Option<Auth>| {
        let endpoint = daemon.endpoint();
        Kubo::new(match auth {
            Some(auth) => endpoint.auth(auth),
            None => endpoint,
        })
        .unwrap()
    };
    for auth in [
        Auth::bearer("a-token"),
        Auth::basic("alice", "a passphrase"),
    ] {
        let kubo = with(Some(auth));
        let node = dag::add(&kubo, &b"let in"[..], Profile::default()).unwrap();
        kubo.pin(&node.cid).unwrap();
        assert!(kubo.has(&node.cid).unwrap());
    }
    let wrong = [
        None,
        Some(Auth::bearer("another")),
        Some(Auth::basic("alice", "another")),
    ];
    for auth in wrong {
        let error = with(auth).version().unwrap_err();
        assert!(
            matches!(
                error,
                Error::Refused {
                    status: 401 | 403,
                    ..
                }
            ),
            "{error}"
        );
    }
    let reader = with(Some(Auth::bearer("only-version")));
    reader.version().unwrap();
    assert!(matches!(
        reader.pins(),
        Err(Error::Refused {
            status: 401 | 403,
            ..
        })
    ));
    let shown = format!(
        "{:?} {:?}",
        Auth::bearer("a-token"),
        daemon.endpoint().auth(Auth::basic("alice", "secret"))
    );
    assert!(
        !shown.contains("token") && !shown.contains("secret") && !shown.contains("alice"),
        "{shown}"
    );
}

#[test]
fn tls_is_trusted_only_under_the_right_authority() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let pem = certified.cert.pem();
    let port = serve(&daemon, &certified);
    let url = format!("https://localhost:{port}");
    let kubo = Kubo::new(Endpoint::new(&url).trust_only(pem.as_bytes())).unwrap();
    let node = dag::add(&kubo, &[7; 3 << 20][..], Profile::default()).unwrap();
    kubo.pin(&node.cid).unwrap();
    let mut bytes = Vec::new();
    dag::cat(&kubo, &node.cid)
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    assert_eq!(bytes, [7; 3 << 20]);

    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    for endpoint in [
        Endpoint::new(&url), // the public authorities
        Endpoint::new(&url).trust_only(other.cert.pem().as_bytes()),
        Endpoint::new(&format!("https://127.0.0.1:{port}")).trust_only(pem.as_bytes()), // another name
    ] {
        let error = Kubo::new(endpoint).unwrap().version().unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    }
}

/// Ends TLS before a daemon, as a reverse proxy does: one request for each connection.
fn serve(daemon: &Daemon, certified: &rcgen::CertifiedKey<rcgen::KeyPair>) -> u16 {
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let api = daemon.api();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let stream = StreamOwned::new(connection, stream.unwrap());
            let api = api.clone();
            thread::spawn(move || drop(forward(stream, &api))); // a client that distrusts us hangs up
        }
    });
    port
}

fn forward(mut client: StreamOwned<ServerConnection, TcpStream>, api: &str) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let text = String::from_utf8_lossy(&head).to_lowercase();
    let len = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
        .unwrap_or(0);
    let mut body = Vec::new();
    (&mut client).take(len).read_to_end(&mut body)?;
    let mut server = TcpStream::connect(api)?;
    head.truncate(head.len() - 2);
    server.write_all(&head)?;
    server.write_all(b"Connection: close\r\n\r\n")?;
    server.write_all(&body)?;
    io::copy(&mut server, &mut client)?;
    client.conn.send_close_notify();
    client.flush()
}
