//! The client of `esm wbem` against servers that answer with what they like.

use std::net::TcpListener;

use crate::command::{Ended, esm, run};
use crate::wsman_client::{http, serve};

const TYPE: &str = "application/xml; charset=\"utf-8\"";

/// Runs `esm wbem VERB OPTIONS` on an object of a server that gives these answers, one after the other, the last
/// forever. Returns how it ended and what it asked.
fn against(words: &[&str], answers: &[Vec<u8>]) -> (Ended, Vec<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let asked = serve(listener, answers.to_vec());
    let home = tempfile::tempdir().unwrap();
    let mut command = esm(home.path());
    command.arg("wbem");
    for word in words {
        command.arg(word.replace('@', &format!("http://ann:secret@{authority}/root/x")));
    }
    let mut ended = run(&mut command);
    ended.out = ended.out.replace(&authority, "HOST");
    ended.err = ended.err.replace(&authority, "HOST");
    (ended, asked.try_iter().collect())
}

fn message(operation: &str, content: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><CIM CIMVERSION=\"2.0\" DTDVERSION=\"2.0\">\
         <MESSAGE ID=\"1\" PROTOCOLVERSION=\"1.0\"><SIMPLERSP><IMETHODRESPONSE NAME=\"{operation}\">{content}\
         </IMETHODRESPONSE></SIMPLERSP></MESSAGE></CIM>"
    )
}

fn ok(operation: &str, content: &str) -> Vec<u8> {
    http("200 OK", TYPE, message(operation, content).as_bytes())
}

fn error(operation: &str, code: u32) -> Vec<u8> {
    ok(
        operation,
        &format!("<ERROR CODE=\"{code}\" DESCRIPTION=\"as it is\"/>"),
    )
}

/// One reply of an enumeration that is pulled: instances with these keys, and how it goes on.
fn batch(operation: &str, keys: &[u32], context: Option<&str>) -> Vec<u8> {
    let names = |key| {
        format!(
            "<INSTANCEPATH><NAMESPACEPATH><HOST>h</HOST><LOCALNAMESPACEPATH><NAMESPACE NAME=\"root\"/><NAMESPACE NAME=\"x\"/>\
             </LOCALNAMESPACEPATH></NAMESPACEPATH>{}</INSTANCEPATH>",
            name(key)
        )
    };
    let paths: String = keys.iter().copied().map(names).collect();
    let end = if context.is_some() { "FALSE" } else { "TRUE" };
    let context = context.unwrap_or_default();
    ok(
        operation,
        &format!(
            "<IRETURNVALUE>{paths}</IRETURNVALUE><PARAMVALUE NAME=\"EndOfSequence\" PARAMTYPE=\"boolean\"><VALUE>{end}</VALUE>\
             </PARAMVALUE><PARAMVALUE NAME=\"EnumerationContext\" PARAMTYPE=\"string\"><VALUE>{context}</VALUE></PARAMVALUE>"
        ),
    )
}

fn name(key: u32) -> String {
    format!(
        "<INSTANCENAME CLASSNAME=\"C_X\"><KEYBINDING NAME=\"K\"><KEYVALUE VALUETYPE=\"numeric\">{key}</KEYVALUE>\
         </KEYBINDING></INSTANCENAME>"
    )
}

/// The names of the operations that were asked for.
fn operations(asked: &[String]) -> Vec<&str> {
    let name = |request: &'_ String| {
        let at = request.find("METHODCALL NAME=\"").unwrap() + "METHODCALL NAME=\"".len();
        let end = request[at..].find('"').unwrap();
        (at, at + end)
    };
    asked
        .iter()
        .map(|request| {
            let (from, to) = name(request);
            &request[from..to]
        })
        .collect()
}

#[test]
fn an_enumeration_is_pulled_to_its_end() {
    let open = "OpenEnumerateInstancePaths";
    let answers = [
        batch(open, &[1, 2], Some("c1")),
        batch("PullInstancePaths", &[], Some("c2")),
        batch("PullInstancePaths", &[3], None),
    ];
    let (ended, asked) = against(&["ein", "@:C_X", "--max-objects", "2"], &answers);
    assert_eq!(
        ended.out,
        "HOST/root/x:C_X.K=1\nHOST/root/x:C_X.K=2\nHOST/root/x:C_X.K=3\n"
    );
    assert_eq!((ended.code, &*ended.err), (Some(0), ""));
    assert_eq!(
        operations(&asked),
        [open, "PullInstancePaths", "PullInstancePaths"]
    );
    assert!(
        asked[0].contains("NAME=\"MaxObjectCount\"><VALUE>2<"),
        "{}",
        asked[0]
    );
    assert!(
        asked[1].contains(">c1<") && asked[2].contains(">c2<"),
        "{asked:?}"
    );
}

#[test]
fn a_server_that_does_not_know_how_to_be_pulled_is_asked_at_once() {
    let all = format!("<IRETURNVALUE>{}{}</IRETURNVALUE>", name(1), name(2));
    for code in [1, 7] {
        let answers = [
            error("OpenEnumerateInstancePaths", code),
            ok("EnumerateInstanceNames", &all),
        ];
        let (ended, asked) = against(&["ein", "@:C_X"], &answers);
        assert_eq!(
            ended.out, "HOST/root/x:C_X.K=1\nHOST/root/x:C_X.K=2\n",
            "{ended:?}"
        );
        assert_eq!(
            operations(&asked),
            ["OpenEnumerateInstancePaths", "EnumerateInstanceNames"]
        );
    }
    let (_, asked) = against(
        &["ein", "@:C_X", "--max-objects=0"],
        &[ok("EnumerateInstanceNames", &all)],
    );
    assert_eq!(operations(&asked), ["EnumerateInstanceNames"]);
}

#[test]
fn what_came_before_an_error_is_a_result() {
    let answers = [
        batch("OpenEnumerateInstancePaths", &[1], Some("c")),
        error("PullInstancePaths", 21),
    ];
    let (ended, _) = against(&["ein", "@:C_X"], &answers);
    assert_eq!(ended.code, Some(16));
    assert_eq!(ended.out, "HOST/root/x:C_X.K=1\n");
    assert_eq!(
        ended.err,
        "*\n* esm wbem: Cim: (21) CIM_ERR_INVALID_ENUMERATION_CONTEXT: as it is\n*\n"
    );
}

#[test]
fn a_chunked_reply_is_read() {
    let body = message(
        "EnumerateClassNames",
        "<IRETURNVALUE><CLASSNAME NAME=\"C_X\"/></IRETURNVALUE>",
    );
    let (first, second) = body.split_at(100);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
        first.len(),
        second.len()
    );
    let (ended, _) = against(&["ecn", "@"], &[chunked.into_bytes()]);
    assert_eq!(ended.out, "HOST/root/x:C_X\n", "{ended:?}");
}

#[track_caller]
fn fails(answer: Vec<u8>, expect: &str) {
    let (ended, _) = against(&["ei", "@:C_X"], &[answer]);
    assert_eq!((ended.code, &*ended.out), (Some(16), ""), "{ended:?}");
    let block = format!("*\n* esm wbem: {expect}");
    assert!(ended.err.starts_with(&block), "{block}\n{}", ended.err);
    assert!(!ended.err.contains("secret"), "{}", ended.err);
}

#[test]
fn what_is_wrong_with_a_server_is_told() {
    fails(
        http("401 Unauthorized", "text/plain", b""),
        "Http Exception: Invalid username/password.\n",
    );
    fails(
        http("404 Not Found", "text/plain", b"nothing here\nmore"),
        "Http Exception: the server answered with HTTP status 404: nothing here\n",
    );
    fails(
        http("200 OK", "text/html", b"<html></html>"),
        "Parse Exception: there is html where CIM belongs",
    );
    fails(http("200 OK", TYPE, b""), "Parse Exception: ");
    fails(
        ok("OpenEnumerateInstances", "<IRETURNVALUE></IRETURNVALUE>"),
        "Parse Exception: the reply has neither EndOfSequence nor an EnumerationContext\n",
    );
    fails(
        error("OpenEnumerateInstances", 5),
        "Cim: (5) CIM_ERR_INVALID_CLASS: as it is\n",
    );
    fails(
        error("OpenEnumerateInstances", 99),
        "Cim: (99) Invalid/Unknown CIM Error Code: as it is\n",
    );
}

#[test]
fn an_enumeration_that_never_brings_anything_is_given_up() {
    let (ended, asked) = against(
        &["ein", "@:C_X"],
        &[batch("OpenEnumerateInstancePaths", &[], Some("c"))],
    );
    assert_eq!((ended.code, asked.len()), (Some(16), 100), "{ended:?}");
}

#[test]
fn what_passes_can_be_seen() {
    let (ended, asked) = against(
        &["ecn", "-dx", "@"],
        &[ok("EnumerateClassNames", "<IRETURNVALUE></IRETURNVALUE>")],
    );
    let sent = format!("To server: {}\n", asked[0]);
    assert!(ended.err.starts_with(&sent), "{}", ended.err);
    assert!(ended.err.contains("From server: <?xml"), "{}", ended.err);
    assert!(
        ended.err.contains("From server: content-type: application/xml"),
        "{}",
        ended.err
    );
    assert!(!ended.err.contains("secret"), "{}", ended.err);
}

#[test]
fn a_class_is_named_where_it_is_deleted() {
    let (ended, asked) = against(&["dc", "@:C_X"], &[ok("DeleteClass", "")]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let parameter = "<IPARAMVALUE NAME=\"ClassName\"><CLASSNAME NAME=\"C_X\"/></IPARAMVALUE></IMETHODCALL>";
    assert!(asked[0].contains(parameter), "{}", asked[0]);
}
