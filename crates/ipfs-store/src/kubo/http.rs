//! HTTP with limits: on time, on what is read, and on what is repeated.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, Read};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ureq::http::Response;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};
use zeroize::Zeroizing;

use super::answer::Answers;
use crate::{Error, Result, hash};

/// Where a daemon or gateway is, and how it is spoken to.
#[derive(Debug)]
pub struct Endpoint {
    url: String,
    auth: Option<Auth>,
    roots: Option<Vec<u8>>,
    idle: Duration,
    limit: Duration,
}

/// What a daemon wants to see before it answers (`API.Authorizations` in Kubo's configuration).
pub struct Auth(Zeroizing<String>);

impl Endpoint {
    /// An address such as `http://127.0.0.1:5001`. `https` trusts the certificate authorities of Mozilla.
    ///
    /// Nobody may be silent for more than 30 s, and one request may take 10 minutes. Proxies of the environment are
    /// not used, redirections not followed.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            url: url.trim_end_matches('/').to_owned(),
            auth: None,
            roots: None,
            idle: Duration::from_secs(30),
            limit: Duration::from_secs(600),
        }
    }

    /// Shows this with every request.
    #[must_use]
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = Some(auth);
        self
    }

    /// Trusts these certificate authorities, in PEM, and no others.
    #[must_use]
    pub fn trust_only(mut self, pem: &[u8]) -> Self {
        self.roots = Some(pem.to_vec());
        self
    }

    /// Gives up on whoever does not connect, answer or go on within `idle`, and on every request after `limit`.
    #[must_use]
    pub const fn timeouts(mut self, idle: Duration, limit: Duration) -> Self {
        self.idle = idle;
        self.limit = limit;
        self
    }
}

impl Auth {
    /// A token, sent as `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(token: &str) -> Self {
        Self(Zeroizing::new(format!("Bearer {token}")))
    }

    /// A name and a passphrase, sent as `Authorization: Basic`.
    #[must_use]
    pub fn basic(name: &str, passphrase: &str) -> Self {
        let pair = Zeroizing::new(format!("{name}:{passphrase}"));
        let coded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
        Self(Zeroizing::new(format!("Basic {}", *coded)))
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Auth")
    }
}

/// An endpoint that is ready to be asked.
pub(super) struct Http {
    agent: Agent,
    url: String,
    auth: Option<Auth>,
}

/// Most bytes of an answer that is not a block: a list of some hundred thousand pins.
const MAX_ANSWER: u64 = 64 << 20;

/// Most bytes of an error that are read.
const MAX_MESSAGE: u64 = 4 << 10;

impl Http {
    pub(super) fn new(endpoint: Endpoint) -> Result<Self> {
        let Endpoint {
            url,
            auth,
            roots,
            idle,
            limit,
        } = endpoint;
        let no = |reason: String| Error::Endpoint {
            url: url.clone(),
            reason,
        };
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(no("it starts with neither http:// nor https://".to_owned()));
        }
        let mut tls = TlsConfig::builder();
        if let Some(pem) = roots {
            let certificates = parse_pem(&pem)
                .filter_map(|item| match item {
                    Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
                    Ok(_) => None,
                    Err(error) => Some(Err(no(error.to_string()))),
                })
                .collect::<Result<Vec<Certificate<'static>>>>()?;
            if certificates.is_empty() {
                return Err(no(
                    "no certificate is in the PEM that is to be trusted".to_owned()
                ));
            }
            tls = tls.root_certs(RootCerts::new_with_certs(&certificates));
        }
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .tls_config(tls.build())
            .timeout_connect(Some(idle))
            .timeout_recv_response(Some(idle))
            .timeout_per_read(Some(idle))
            .timeout_per_write(Some(idle))
            .timeout_global(Some(limit))
            .build()
            .new_agent();
        Ok(Self { agent, url, auth })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Calls the RPC, and reads an answer of JSON objects.
    pub(super) fn rpc(
        &self,
        action: &'static str,
        command: &str,
        args: &[(&str, &str)],
        file: Option<&[u8]>,
    ) -> Result<Answers> {
        let response = self.post(action, command, args, file)?;
        let bytes = self.read(action, response, MAX_ANSWER)?;
        Answers::read(&self.url, &bytes).map_err(|reason| self.answer(action, reason))
    }

    /// Calls the RPC, and reads an answer of at most `limit` bytes.
    pub(super) fn bytes(
        &self,
        action: &'static str,
        command: &str,
        args: &[(&str, &str)],
        limit: usize,
    ) -> Result<Vec<u8>> {
        let response = self.post(action, command, args, None)?;
        self.read(action, response, limit as u64)
    }

    fn post(
        &self,
        action: &'static str,
        command: &str,
        args: &[(&str, &str)],
        file: Option<&[u8]>,
    ) -> Result<Response<Body>> {
        let mut request = self.agent.post(format!("{}/api/v0/{command}", self.url));
        for (name, value) in args {
            request = request.query(*name, *value);
        }
        if let Some(auth) = &self.auth {
            request = request.header("authorization", auth.0.as_str());
        }
        let response = match file {
            None => request.send_empty(),
            Some(bytes) => {
                let (kind, body) = multipart(bytes);
                request.header("content-type", kind).send(&body)
            }
        };
        self.check(action, response)
    }

    /// Gets a path of a gateway; `None` when it says that there is nothing.
    pub(super) fn get(
        &self,
        action: &'static str,
        path: &str,
        accept: &str,
    ) -> Result<Option<Response<Body>>> {
        let mut request = self
            .agent
            .get(format!("{}{path}", self.url))
            .header("accept", accept);
        if let Some(auth) = &self.auth {
            request = request.header("authorization", auth.0.as_str());
        }
        match self.check(action, request.call()) {
            Ok(response) => Ok(Some(response)),
            Err(Error::Refused {
                status: 404 | 410, ..
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn read(
        &self,
        action: &'static str,
        response: Response<Body>,
        limit: u64,
    ) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut reader = response
            .into_body()
            .into_reader()
            .take(limit.saturating_add(1));
        reader
            .read_to_end(&mut bytes)
            .map_err(|error| self.broken(action, error))?;
        if bytes.len() as u64 > limit {
            return Err(self.answer(action, format!("it is longer than {limit} bytes")));
        }
        Ok(bytes)
    }

    pub(super) fn broken(&self, action: &'static str, error: io::Error) -> Error {
        match error.downcast::<ureq::Error>() {
            Ok(error) => self.failed(action, error),
            Err(error) => self.unreachable(action, error),
        }
    }

    pub(super) fn answer(&self, action: &'static str, reason: String) -> Error {
        Error::Answer {
            url: self.url.clone(),
            action,
            reason,
        }
    }

    fn check(
        &self,
        action: &'static str,
        response: Result<Response<Body>, ureq::Error>,
    ) -> Result<Response<Body>> {
        let response = response.map_err(|error| self.failed(action, error))?;
        let status = response.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(response);
        }
        let mut bytes = Vec::new();
        let mut reader = response.into_body().into_reader().take(MAX_MESSAGE);
        drop(reader.read_to_end(&mut bytes)); // the status says enough
        Err(Error::Refused {
            url: self.url.clone(),
            action,
            status,
            message: super::answer::message(&bytes),
        })
    }

    fn failed(&self, action: &'static str, error: ureq::Error) -> Error {
        match error {
            ureq::Error::Timeout(which) => Error::TimedOut {
                url: self.url.clone(),
                action,
                waited_for: which.to_string(),
            },
            ureq::Error::Protocol(error) => self.answer(action, error.to_string()),
            error => self.unreachable(action, error),
        }
    }

    fn unreachable(
        &self,
        action: &'static str,
        source: impl StdError + Send + Sync + 'static,
    ) -> Error {
        Error::Unreachable {
            url: self.url.clone(),
            action,
            source: Box::new(source),
        }
    }
}

/// One file as `multipart/form-data` (RFC 7578). The boundary is the digest of the bytes, so it is not among them.
fn multipart(bytes: &[u8]) -> (String, Vec<u8>) {
    let digest = hash::sha256(bytes);
    let boundary: String = digest
        .digest()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let mut body = Vec::with_capacity(bytes.len() + 400);
    body.extend_from_slice(
        format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"file\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        )
        .as_bytes(),
    );
    body.extend_from_slice(bytes);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}
