//! Somebody between client and server who changes the answers.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use ureq::Agent;

/// What the go-between makes of a question: another question, or none.
pub type Ask = dyn Fn(&str) -> String + Send + Sync;
/// What it makes of an answer, by the question; none breaks the connection.
pub type Say = dyn Fn(&str, Vec<u8>) -> Option<Vec<u8>> + Send + Sync;

/// Starts one in front of a server, until the test ends.
pub fn between(server: &str, ask: Arc<Ask>, say: Arc<Say>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = server.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (server, ask, say) = (server.clone(), Arc::clone(&ask), Arc::clone(&say));
            std::thread::spawn(move || pass(stream, &server, &*ask, &*say));
        }
    });
    url
}

fn pass(stream: TcpStream, server: &str, ask: &Ask, say: &Say) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut accept, mut kind) = (0, String::new(), String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "accept" => accept = value.to_owned(),
            "content-type" => kind = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let agent = Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .new_agent();
    let url = format!("{server}{}", ask(&path));
    let response = if method == "POST" {
        agent
            .post(url)
            .header("accept", accept)
            .content_type(kind)
            .send(&body[..])
    } else {
        agent.get(url).header("accept", accept).call()
    };
    let mut response = response.ok()?;
    let status = response.status();
    let mut head = format!("HTTP/1.1 {} x\r\nConnection: close\r\n", status.as_u16());
    for name in [
        "content-type",
        "content-security-policy",
        "next-cursor",
        "retry-after",
    ] {
        if let Some(value) = response.headers().get(name) {
            head.push_str(&format!("{name}: {}\r\n", value.to_str().ok()?));
        }
    }
    let body = say(&path, response.body_mut().read_to_vec().ok()?)?;
    let mut stream = stream;
    write!(stream, "{head}Content-Length: {}\r\n\r\n", body.len()).ok()?;
    stream.write_all(&body).ok()
}
