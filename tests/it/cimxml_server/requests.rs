//! CIM-XML requests as text, written here apart from the program's own encoder.

use crate::raw_http::{Connection, Reply};

/// A request, with its headers.
#[derive(Clone, Debug)]
pub struct Asked {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    /// A POST to `/cimom` with the headers that clients send.
    pub fn new(cim_method: &str, cim_object: &str, body: String) -> Self {
        let headers = [
            ("Content-Type", "application/xml; charset=\"utf-8\""),
            ("CIMOperation", "MethodCall"),
            ("CIMMethod", cim_method),
            ("CIMObject", cim_object),
        ];
        Self {
            method: "POST".to_owned(),
            path: "/cimom".to_owned(),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            body: body.into_bytes(),
        }
    }

    /// An operation on `root/test`.
    pub fn operation(name: &str, parameters: &str) -> Self {
        Self::new(name, "root/test", message(&operation(name, parameters)))
    }

    /// The same in another namespace.
    pub fn in_namespace(self, namespace: &str) -> Self {
        let parts: Vec<String> = namespace
            .split('/')
            .map(|part| format!("<NAMESPACE NAME=\"{part}\"/>"))
            .collect();
        self.encoded(|text| {
            text.replace(
                "<NAMESPACE NAME=\"root\"/><NAMESPACE NAME=\"test\"/>",
                &parts.concat(),
            )
            .into_bytes()
        })
        .with("CIMObject", Some(namespace))
    }

    /// The same with that header, or without it.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<&str>) -> Self {
        self.headers.retain(|(known, _)| known != name);
        if let Some(value) = value {
            self.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// The same with another name for a header.
    #[must_use]
    pub fn renamed(mut self, from: &str, to: &str) -> Self {
        for (name, _) in &mut self.headers {
            if name == from {
                to.clone_into(name);
            }
        }
        self
    }

    #[must_use]
    pub fn to(mut self, method: &str, path: &str) -> Self {
        method.clone_into(&mut self.method);
        path.clone_into(&mut self.path);
        self
    }

    #[must_use]
    pub fn with_body(mut self, body: &[u8]) -> Self {
        self.body = body.to_owned();
        self
    }

    #[must_use]
    pub fn encoded(mut self, encode: impl FnOnce(&str) -> Vec<u8>) -> Self {
        self.body = encode(std::str::from_utf8(&self.body).unwrap());
        self
    }

    /// Sends it.
    #[track_caller]
    pub fn send(&self, connection: &mut Connection) {
        connection.request(&self.method, &self.path, &self.header_lines(), &self.body);
    }

    /// The whole request as bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let head = format!(
            "{} {} HTTP/1.1\r\nHost: localhost\r\n{}Content-Length: {}\r\n\r\n",
            self.method,
            self.path,
            self.header_lines(),
            self.body.len()
        );
        [head.as_bytes(), &self.body].concat()
    }

    fn header_lines(&self) -> String {
        self.headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect()
    }
}

/// A message with that in it.
pub fn message(content: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\" ?><CIM CIMVERSION=\"2.0\" DTDVERSION=\"2.0\">\
         <MESSAGE ID=\"1001\" PROTOCOLVERSION=\"1.0\">{content}</MESSAGE></CIM>"
    )
}

/// An operation on `root/test` with its parameters.
pub fn operation(name: &str, parameters: &str) -> String {
    format!(
        "<SIMPLEREQ><IMETHODCALL NAME=\"{name}\"><LOCALNAMESPACEPATH><NAMESPACE NAME=\"root\"/><NAMESPACE NAME=\"test\"/>\
         </LOCALNAMESPACEPATH>{parameters}</IMETHODCALL></SIMPLEREQ>"
    )
}

pub fn enumerate_instance_names(class: &str) -> Asked {
    let class = format!("<IPARAMVALUE NAME=\"ClassName\"><CLASSNAME NAME=\"{class}\"/></IPARAMVALUE>");
    Asked::operation("EnumerateInstanceNames", &class)
}

pub fn pull(name: &str, context: &str, count: u32) -> Asked {
    let parameters = format!(
        "<IPARAMVALUE NAME=\"EnumerationContext\"><VALUE>{context}</VALUE></IPARAMVALUE>\
         <IPARAMVALUE NAME=\"MaxObjectCount\"><VALUE>{count}</VALUE></IPARAMVALUE>"
    );
    Asked::operation(name, &parameters)
}

/// The context in the answer to an open operation.
#[track_caller]
pub fn context_of(reply: &Reply) -> String {
    let text = reply.text();
    let (_, rest) = text
        .split_once("NAME=\"EnumerationContext\"")
        .unwrap_or_else(|| panic!("{text}"));
    let (_, rest) = rest.split_once("<VALUE>").unwrap();
    rest.split_once("</VALUE>").unwrap().0.to_owned()
}
