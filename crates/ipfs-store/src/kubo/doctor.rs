//! Whether a daemon keeps to itself what it holds.

use std::fmt;

use serde_json::Value;

use super::Kubo;
use super::answer::Answers;
use crate::Result;

/// What is dangerous about a daemon's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// It announces what it holds in the public DHT.
    Announces {
        /// What `Routing.Type` says.
        routing: String,
    },
    /// It connects to the public network when it starts.
    Bootstraps {
        /// How many peers `Bootstrap` names.
        peers: usize,
    },
    /// Other machines may reach its RPC, which may do everything, and nothing asks who they are.
    OpenApi {
        /// The address it listens on.
        address: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Announces { routing } => write!(
                f,
                "it would announce CIDs in the public DHT: Routing.Type is {routing:?}; set it to \"none\""
            ),
            Self::Bootstraps { peers } => write!(
                f,
                "it connects to the public network: Bootstrap names {peers} peers; run `ipfs bootstrap rm --all`"
            ),
            Self::OpenApi { address } => write!(
                f,
                "its RPC listens on {address} without API.Authorizations: whoever reaches it may do everything"
            ),
        }
    }
}

impl Kubo {
    /// What is dangerous about the daemon's configuration; nothing for one that keeps to itself.
    ///
    /// # Errors
    ///
    /// As [`Kubo::version`].
    pub fn doctor(&self) -> Result<Vec<Warning>> {
        let answers = self
            .http
            .rpc("reading the configuration", "config/show", &[], None)?;
        Ok(warnings(&answers))
    }
}

pub(super) fn warnings(answers: &Answers) -> Vec<Warning> {
    let null = Value::Null;
    let config = |path: &[&str]| {
        let mut at = answers
            .first()
            .and_then(|config| config.get(*path.first()?));
        for key in path.iter().skip(1) {
            at = at.and_then(|value| value.get(key));
        }
        at.unwrap_or(&null).clone()
    };
    let mut warnings = Vec::new();
    // absent means "auto": the public DHT
    let routing = config(&["Routing", "Type"]);
    let routing = routing.as_str().unwrap_or("auto");
    if !["none", "custom"].contains(&routing) {
        warnings.push(Warning::Announces {
            routing: routing.to_owned(),
        });
    }
    if let Value::Array(peers) = config(&["Bootstrap"])
        && !peers.is_empty()
    {
        warnings.push(Warning::Bootstraps { peers: peers.len() });
    }
    let guarded =
        matches!(config(&["API", "Authorizations"]), Value::Object(map) if !map.is_empty());
    let addresses = match config(&["Addresses", "API"]) {
        Value::Array(addresses) => addresses,
        other => vec![other],
    };
    for address in addresses.iter().filter_map(Value::as_str) {
        let local = ["/ip4/127.", "/ip6/::1/", "/unix/"];
        if !guarded && !local.iter().any(|start| address.starts_with(start)) {
            warnings.push(Warning::OpenApi {
                address: address.to_owned(),
            });
        }
    }
    warnings
}
