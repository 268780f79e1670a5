//! Questions without a client of ours.

use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, Body as Reply};

use super::Running;

pub fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .new_agent()
}

pub fn get(running: &Running, path: &str) -> Response<Reply> {
    agent()
        .get(format!("{}{path}", running.url))
        .call()
        .unwrap()
}

pub fn json(running: &Running, path: &str) -> Value {
    let mut response = get(running, path);
    assert_eq!(response.status(), 200, "{path}");
    response.body_mut().read_json().unwrap()
}
