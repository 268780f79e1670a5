//! Questions without a client of ours.

use std::time::SystemTime;

use ledger_core::testing::Person;
use ledger_core::tx::sign_message;
use ledger_node::reader::{authorization, read_message};
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

pub fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// What a member writes into the head of a question.
pub fn signature(running: &Running, person: u32, path: &str) -> String {
    let (person, time) = (Person::new(person), now());
    let message = read_message(&running.log.chain(), &person.address, time, path);
    authorization(&person.address, time, &sign_message(&person.key, &message))
}
