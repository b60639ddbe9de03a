//! A peer that plays a script: on each connection, one text in answer to each request.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

/// The answers on one connection, which is closed after the last. An empty answer is none; `wait` keeps
/// silent until the client goes.
#[derive(Clone, Copy)]
pub struct Script<'a>(pub &'a [&'a str]);

/// Plays one script per connection, in order. The thread returns the requests heard on each.
pub fn play(scripts: &[Script<'_>]) -> (u16, JoinHandle<Vec<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let scripts: Vec<Vec<String>> = scripts
        .iter()
        .map(|script| script.0.iter().map(|&text| text.to_owned()).collect())
        .collect();
    let thread = std::thread::spawn(move || {
        scripts
            .iter()
            .map(|script| play_one(&mut listener.accept().unwrap().0, script))
            .collect()
    });
    (port, thread)
}

fn play_one(stream: &mut TcpStream, script: &[String]) -> Vec<String> {
    let mut heard = Vec::new();
    for answer in script {
        if answer == "wait" && !heard.is_empty() && heard.len() < script.len() {
            wait_for_end(stream);
            break;
        }
        let Some(request) = read_request(stream) else {
            break;
        };
        heard.push(request);
        if answer == "wait" {
            wait_for_end(stream);
            break;
        }
        // The client may have gone already.
        let _ = stream.write_all(answer.as_bytes());
    }
    heard
}

fn wait_for_end(stream: &mut TcpStream) {
    let _ = stream.read_to_end(&mut Vec::new());
}

/// One read is one request: the client sends head and body in one piece.
fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut buffer = [0; 4096];
    let count = stream.read(&mut buffer).ok()?;
    (count > 0).then(|| String::from_utf8_lossy(&buffer[..count]).into_owned())
}
