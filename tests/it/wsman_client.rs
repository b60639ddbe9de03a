//! The client of `esm wsman` against servers that answer with what they like.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use crate::command::{Ended, esm, run};

/// Runs `esm wsman ARGS` against a server that gives these answers, one after the other, the last forever.
/// Returns how it ended and what it asked.
fn against(args: &[&str], answers: &[Vec<u8>]) -> (Ended, Vec<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = serve(listener, answers.to_vec());
    let home = tempfile::tempdir().unwrap();
    let ended = run(esm(home.path()).args(["wsman", "--url", &url]).args(args));
    (ended, asked.try_iter().collect())
}

pub fn serve(listener: TcpListener, answers: Vec<Vec<u8>>) -> Receiver<String> {
    let (sender, asked) = channel();
    std::thread::spawn(move || {
        let mut answers = answers.into_iter().peekable();
        let mut answer = Vec::new();
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream);
            while let Some(request) = read_request(&mut reader) {
                let _ = sender.send(request);
                if let Some(next) = answers.next() {
                    answer = next;
                }
                if reader.get_mut().write_all(&answer).is_err() {
                    break;
                }
            }
        }
    });
    asked
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    String::from_utf8(body).ok()
}

pub fn http(status: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn soap(action: &str, body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" \
         xmlns:w=\"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd\" xmlns:n=\"http://schemas.xmlsoap.org/ws/2004/09/enumeration\" \
         xmlns:x=\"http://www.w3.org/2001/XMLSchema-instance\"><s:Header><a:Action>{action}</a:Action></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )
}

fn ok(body: &str) -> Vec<u8> {
    http(
        "200 OK",
        "application/soap+xml;charset=UTF-8",
        soap("urn:any", body).as_bytes(),
    )
}

fn item(name: &str) -> String {
    format!(
        "<p:Vendor_Thing xmlns:p=\"http://vendor.example/Vendor_Thing\"><p:Name>{name}</p:Name><p:Size>1</p:Size><p:None x:nil=\"true\"/></p:Vendor_Thing>"
    )
}

#[track_caller]
fn check(args: &[&str], answer: Vec<u8>, code: i32, expect: &str) {
    let (ended, _) = against(args, &[answer]);
    assert_eq!(ended.code, Some(code), "{ended:#?}");
    let said = format!("{}{}", ended.out, ended.err);
    assert!(said.contains(expect), "`{expect}` in {said}");
}

#[test]
fn what_is_no_answer_is_told_apart() {
    const GET: &[&str] = &["--timeout", "1", "get", "Vendor_Thing?Name=a"];
    const SOAP: &str = "application/soap+xml";
    let thing = item("a");
    check(GET, ok(&thing), 0, "Name  a\n");
    check(GET, ok(""), 5, "The body of the reply is empty");
    check(GET, ok("<p:X"), 5, "no valid WS-Management message");
    check(
        GET,
        http("200 OK", "text/html", b"<html/>"),
        5,
        "must be s:Envelope",
    );
    check(
        GET,
        http("200 OK", SOAP, &[0xff, 0xfe, 0xff]),
        5,
        "no valid WS-Management message",
    );
    check(
        GET,
        http("302 Found", "text/html", b"<p>elsewhere"),
        5,
        "HTTP status 302",
    );
    check(
        GET,
        http("500 Oh", "text/html", b"<html>"),
        5,
        "HTTP status 500: <html>",
    );
    check(GET, http("401 No", "text/html", b""), 4, "wants a user name");
    check(GET, b"SMTP ready\r\n".to_vec(), 3, "the reply is no valid HTTP");
    check(
        GET,
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\n".to_vec(),
        3,
        "no whole reply",
    );
    let utf16: Vec<u8> = soap("urn:any", &thing)
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let utf16 = [&[0xff, 0xfe][..], &utf16].concat();
    check(
        GET,
        http("200 OK", "application/soap+xml;charset=UTF-16", &utf16),
        0,
        "Name  a\n",
    );
    let fault = soap(
        "http://schemas.xmlsoap.org/ws/2004/08/addressing/fault",
        "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>a:DestinationUnreachable</s:Value></s:Subcode></s:Code>\
         <s:Reason><s:Text xml:lang=\"en\">Not &lt;here&gt;.</s:Text></s:Reason></s:Fault>",
    );
    for status in ["500 Fault", "400 Fault", "200 OK"] {
        check(
            GET,
            http(status, SOAP, fault.as_bytes()),
            5,
            "Not <here>. (fault s:Sender, wsa:DestinationUnreachable)",
        );
    }
}

#[test]
fn an_enumeration_takes_what_a_server_gives() {
    let begin = |items: &str| {
        ok(&format!(
            "<n:EnumerateResponse><n:EnumerationContext>c1</n:EnumerationContext>{items}</n:EnumerateResponse>"
        ))
    };
    let pulled = |context: &str, items: &str, end: &str| {
        let context = format!("<n:EnumerationContext>{context}</n:EnumerationContext>");
        ok(&format!(
            "<n:PullResponse>{context}<n:Items>{items}</n:Items>{end}</n:PullResponse>"
        ))
    };
    let args = [
        "enumerate",
        "Vendor_Thing",
        "--output",
        "json",
        "--properties",
        "name",
    ];
    let names = |ended: &Ended| {
        let list: Vec<serde_json::Value> = serde_json::from_str(&ended.out).unwrap();
        list.iter()
            .map(|item| item["Name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    // One that does not optimise, changes the context, and once has nothing.
    let plain = [
        begin(""),
        pulled("c2", &item("a"), ""),
        pulled("c3", "", ""),
        pulled("", &item("b"), "<n:EndOfSequence/>"),
    ];
    let (ended, asked) = against(&args, &plain);
    assert_eq!(names(&ended), ["a", "b"], "{ended:#?}");
    let contexts = ["c1", "c2", "c3"].map(|context| format!(">{context}</"));
    assert_eq!(asked.len(), 4);
    assert!(asked[0].contains("OptimizeEnumeration"), "{}", asked[0]);
    for (request, context) in asked[1..].iter().zip(&contexts) {
        assert!(request.contains(context), "{context} in {request}");
    }
    // One that optimises; enough is enough, and the server is told.
    let optimised = [
        begin(&format!("<w:Items>{}{}</w:Items>", item("a"), item("b"))),
        ok(""),
    ];
    let (ended, asked) = against(&[&args[..], &["--max", "1"]].concat(), &optimised);
    assert_eq!(names(&ended), ["a"], "{ended:#?}");
    assert!(asked[1].contains("Release"), "{asked:?}");
    // One that never ends.
    let (ended, asked) = against(&args, &[begin(""), pulled("c", "", "")]);
    assert_eq!(ended.code, Some(5), "{ended:#?}");
    assert!(
        ended.err.contains("brought no item and no end") && asked.len() < 200,
        "{ended:#?}"
    );
}

#[test]
fn a_password_goes_to_another_machine_in_clear_text_only_when_told_so_and_with_a_warning() {
    let home = tempfile::tempdir().unwrap();
    let identify = |allowed: &[&str]| {
        let mut command = esm(home.path());
        let url = "http://server.invalid";
        command.args(["wsman", "--user", "a", "--timeout", "1", "--url", url]);
        command.args(allowed).arg("identify").env("ESM_PASSWORD", "x");
        let ended = run(&mut command);
        let told = ended
            .err
            .contains("in clear text to http://server.invalid:5985/wsman");
        assert!(told, "{ended:#?}");
        ended.code
    };
    // Refused before anything is sent; else no such server.
    assert_eq!(identify(&[]), Some(2));
    assert_eq!(identify(&["--allow-clear-text"]), Some(3));
}
