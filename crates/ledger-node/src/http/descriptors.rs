//! How many files and connections the system lets this process have open, and how many of them connections may be.

use crate::{Error, Result};

/// What a node keeps for itself: its ledger, a copy that is being made, the files of TLS, what the runtime needs. About twenty are open
/// at a time; a program around it may have as many again.
const OWN: usize = 64;

/// How many connections there may be, of so many that are asked for, besides as many other files. The limit of this process is
/// raised as far as it may be and they need.
pub(super) fn allowed(connections: usize, others: usize) -> Result<usize> {
    within(connections, OWN.saturating_add(others), raised)
}

/// The same where `limit` gives what may be open altogether when so much is wanted, if that is limited.
fn within(
    connections: usize,
    own: usize,
    limit: impl FnOnce(usize) -> Option<usize>,
) -> Result<usize> {
    let connections = connections.max(1);
    let Some(limit) = limit(connections.saturating_add(own)) else {
        return Ok(connections);
    };
    match limit.saturating_sub(own) {
        0 => Err(Error::Descriptors { limit, own }),
        room => Ok(connections.min(room)),
    }
}

/// Raises the soft limit to what is wanted, or to the hard one; what it is then.
#[cfg(unix)]
fn raised(wanted: usize) -> Option<usize> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let current = current?;
    let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
    let higher = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raise = || {
        let current = Some(higher);
        setrlimit(Resource::Nofile, Rlimit { current, maximum })
    };
    let limit = match higher > current && raise().is_ok() {
        true => higher,
        false => current,
    };
    Some(usize::try_from(limit).unwrap_or(usize::MAX))
}

/// Sockets are not counted with files there, and neither has a limit that comes near.
#[cfg(not(unix))]
fn raised(_: usize) -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_node_needs_for_itself_is_kept() {
        let allowed = |connections, limit| within(connections, 64, |_| limit).ok();
        assert_eq!(allowed(1024, None), Some(1024));
        assert_eq!(allowed(1024, Some(1 << 20)), Some(1024));
        assert_eq!(allowed(1024, Some(1024)), Some(960));
        assert_eq!(allowed(1024, Some(65)), Some(1));
        assert_eq!(allowed(usize::MAX, Some(256)), Some(192));
        assert_eq!(allowed(0, Some(256)), Some(1));
        let error = within(1024, 64, |wanted| {
            assert_eq!(wanted, 1088);
            Some(64)
        });
        let words = error.unwrap_err().to_string();
        assert!(words.contains("64 files open"), "{words}");
    }
}
