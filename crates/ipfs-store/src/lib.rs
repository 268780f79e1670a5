//! IPFS block stores, UnixFS and CIDs: embedded by default, Kubo when there is one.
