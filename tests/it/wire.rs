//! Requests as real clients put them on the wire (`tests/wire`): each must be read as what its command
//! line says.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use esm::wsman::filter::AssociationFilter;
use esm::wsman::transfer::Representation;
use esm::wsman::{
    Body, EndpointReference, Filter, Headers, RawInstance, RawValue, Request, SelectorSet, SelectorValue,
};
use esm::xml::{self, Limits};

/// What a request asks for, in one line.
fn describe(request: &Request) -> String {
    let mut out = String::new();
    describe_body(&mut out, &request.body);
    describe_headers(&mut out, &request.headers);
    out.replace("http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/", "dmtf:")
}

fn describe_body(out: &mut String, body: &Body) {
    match body {
        Body::Identify => out.push_str("Identify"),
        Body::Get => out.push_str("Get"),
        Body::Delete => out.push_str("Delete"),
        Body::Put(Representation::Instance(instance)) => {
            *out += &format!("Put {}", describe_instance(instance))
        }
        Body::Create(Representation::Instance(instance)) => {
            *out += &format!("Create {}", describe_instance(instance))
        }
        Body::Enumerate(request) => {
            out.push_str("Enumerate");
            if let Some(filter) = &request.filter {
                *out += &format!(" {}", describe_filter(filter));
            }
            if request.optimize {
                out.push_str(" optimized");
            }
            if let Some(count) = request.max_elements {
                *out += &format!(" max={count}");
            }
            *out += &format!(" {:?} {:?}", request.mode, request.polymorphism);
        }
        Body::Pull(request) => *out += &format!("Pull {} max={:?}", request.context, request.max_elements),
        Body::Release(request) => *out += &format!("Release {}", request.context),
        Body::Invoke(call) => {
            *out += &format!("Invoke {} {}", call.method, describe_instance(&call.arguments))
        }
        Body::Renew(request) => *out += &format!("Renew {:?}", request.expires.map(|e| e.to_string())),
        Body::Unsubscribe => out.push_str("Unsubscribe"),
        Body::Subscribe(request) => {
            let delivery = &request.delivery;
            *out += &format!("Subscribe {:?}", delivery.mode);
            if let Some(to) = &delivery.notify_to {
                *out += &format!(" to={} {:?}", to.address, to.parameters);
            }
            if let Some(expires) = request.expires {
                *out += &format!(" expires={expires}");
            }
            if let Some(filter) = &request.filter {
                *out += &format!(" {}", describe_filter(filter));
            }
            if let Some(heartbeats) = delivery.heartbeats {
                *out += &format!(" heartbeats={heartbeats:?}");
            }
            if let Some(profile) = &delivery.auth_profile {
                *out += &format!(" auth={profile}");
            }
            if request.send_bookmarks {
                out.push_str(" bookmarks");
            }
        }
        other => *out += &format!("{other:?}"),
    }
}

fn describe_headers(out: &mut String, headers: &Headers) {
    if let Some(uri) = &headers.resource_uri {
        *out += &format!(" | {uri}");
    }
    if !headers.selectors.0.is_empty() {
        *out += &format!(" | {}", describe_selectors(&headers.selectors));
    }
    for option in &headers.options {
        *out += &format!(" | option {}", option.name);
    }
    if let Some(size) = headers.max_envelope_size {
        *out += &format!(" | envelope {size}");
    }
    if let Some(timeout) = headers.operation_timeout {
        *out += &format!(" | timeout {timeout:?}");
    }
    if let Some(locale) = &headers.locale {
        *out += &format!(" | {locale}");
    }
    if let Some(fragment) = &headers.fragment {
        *out += &format!(" | fragment {}", fragment.expression);
    }
    if headers.request_total_items_estimate {
        out.push_str(" | estimate");
    }
    if let Some(identifier) = &headers.identifier {
        *out += &format!(" | id {identifier}");
    }
    for token in &headers.issued_tokens {
        *out += &format!(" | {token:?}");
    }
}

fn describe_instance(instance: &RawInstance) -> String {
    let mut out = instance.class_name.clone();
    for (name, value) in &instance.properties {
        match value {
            RawValue::Text(text) => write!(out, " {name}={text}").unwrap(),
            other => write!(out, " {name}={other:?}").unwrap(),
        }
    }
    out
}

fn describe_filter(filter: &Filter) -> String {
    match filter {
        Filter::Wql(query) => format!("WQL[{query}]"),
        Filter::Cql(query) => format!("CQL[{query}]"),
        Filter::XPath(query) => format!("XPath[{query}]"),
        Filter::Selectors(selectors) => format!("selectors[{}]", describe_selectors(selectors)),
        Filter::AssociatedInstances(filter) => format!("associated[{}]", describe_association(filter)),
        Filter::AssociationInstances(filter) => format!("associations[{}]", describe_association(filter)),
    }
}

fn describe_association(filter: &AssociationFilter) -> String {
    let EndpointReference {
        resource_uri,
        selectors,
        ..
    } = &filter.object;
    format!(
        "{} {} via {:?} role {:?} to {:?} role {:?} {:?}",
        resource_uri.as_deref().unwrap_or_default(),
        describe_selectors(selectors),
        filter.association_class,
        filter.role,
        filter.result_class,
        filter.result_role,
        filter.properties
    )
}

fn describe_selectors(selectors: &SelectorSet) -> String {
    let one = |selector: &esm::wsman::Selector| match &selector.value {
        SelectorValue::Text(text) => format!("{}={text}", selector.name),
        SelectorValue::Reference(epr) => format!("{}={epr:?}", selector.name),
    };
    selectors.0.iter().map(one).collect::<Vec<_>>().join(",")
}

/// Each file with what its requests ask for.
const EXPECT: &[(&str, &[&str])] = &[
    (
        "libmi-ci.http",
        &[
            "Create MSFT_Person Key=77 First=Ann Last=Lee | dmtf:MSFT_Person | __cimnamespace=root/test | envelope 102400 | timeout 90s | en-us",
        ],
    ),
    (
        "libmi-di.http",
        &[
            "Delete | dmtf:MSFT_Person | __cimnamespace=root/test,Key=7 | envelope 102400 | timeout 90s | en-us",
        ],
    ),
    (
        "libmi-ei-maxelements.http",
        &[
            "Enumerate optimized max=2 Object IncludeSubClassProperties | dmtf:Bench_Item10 | __cimnamespace=root/cimv2 | envelope 102400 | timeout 90s | en-us",
        ],
    ),
    (
        "libmi-ei.http",
        &[
            "Enumerate optimized max=1000 Object IncludeSubClassProperties | dmtf:MSFT_Person | __cimnamespace=root/test | envelope 102400 | timeout 90s | en-us",
        ],
    ),
    (
        "libmi-gi.http",
        &["Get | dmtf:MSFT_Person | __cimnamespace=root/test,Key=1 | envelope 102400 | timeout 90s | en-us"],
    ),
    (
        "libmi-iv.http",
        &[
            "Invoke Add Add_INPUT X=3 Y=4 | dmtf:MSFT_Person | __cimnamespace=root/test,Key=1 | envelope 102400 | timeout 60s | en-us",
        ],
    ),
    (
        "libmi-mi.http",
        &[
            "Put MSFT_Person Key=1 First=Ann Last=Lee | dmtf:MSFT_Person | __cimnamespace=root/test,Key=1 | envelope 102400 | timeout 90s | en-us",
        ],
    ),
    (
        "libmi-wql-ok.http",
        &[
            "Enumerate WQL[select * from Bench_Item10 where Id = 3] optimized max=1000 Object IncludeSubClassProperties | http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/* | __cimnamespace=root/cimv2 | envelope 102400 | timeout 90s | en-us",
        ],
    ),
    ("wsman-anonid.http", &["Identify"]),
    (
        "wsman-associators-full.http",
        &[
            r#"Enumerate associated[dmtf:CIM_ComputerSystem Name=box,CreationClassName=CIM_ComputerSystem via Some("CIM_RunningOS") role Some("Antecedent") to Some("CIM_OperatingSystem") role Some("Dependent") ["Name", "Caption"]] Object IncludeSubClassProperties | http://schemas.dmtf.org/wbem/wscim/1/*"#,
            "Pull uuid:ctx-1 max=None | http://schemas.dmtf.org/wbem/wscim/1/*",
        ],
    ),
    (
        "wsman-create.http",
        &[
            "Create CIM_ComputerSystem CreationClassName=CIM_ComputerSystem Name=box ElementName=new | dmtf:CIM_ComputerSystem",
        ],
    ),
    (
        "wsman-delete.http",
        &["Delete | dmtf:CIM_ComputerSystem | Name=box,CreationClassName=CIM_ComputerSystem"],
    ),
    (
        "wsman-enumerate-cimext.http",
        &[
            "Enumerate Object IncludeSubClassProperties | dmtf:CIM_ComputerSystem | option ShowExtensions",
            "Pull uuid:ctx-1 max=None | dmtf:CIM_ComputerSystem | option ShowExtensions",
        ],
    ),
    (
        "wsman-enumerate-epr.http",
        &[
            "Enumerate Epr IncludeSubClassProperties | dmtf:CIM_ComputerSystem",
            "Pull uuid:ctx-1 max=None | dmtf:CIM_ComputerSystem",
        ],
    ),
    (
        "wsman-enumerate-estimate.http",
        &[
            "Enumerate Object IncludeSubClassProperties | dmtf:CIM_ComputerSystem | estimate",
            "Pull uuid:ctx-1 max=None | dmtf:CIM_ComputerSystem | estimate",
        ],
    ),
    (
        "wsman-enumerate-filter-nodialect.http",
        &[
            "Enumerate XPath[select * from CIM_ComputerSystem] Object IncludeSubClassProperties | http://schemas.dmtf.org/wbem/wscim/1/*",
            "Pull uuid:ctx-1 max=None | http://schemas.dmtf.org/wbem/wscim/1/*",
        ],
    ),
    (
        "wsman-enumerate-flags.http",
        &[
            "Enumerate Object IncludeSubClassProperties | dmtf:CIM_ComputerSystem | __cimnamespace=root/interop | envelope 65536 | timeout 5s | en-US",
            "Pull uuid:ctx-1 max=None | dmtf:CIM_ComputerSystem | __cimnamespace=root/interop | envelope 65536 | timeout 5s | en-US",
        ],
    ),
    (
        "wsman-enumerate-objepr.http",
        &[
            "Enumerate ObjectAndEpr IncludeSubClassProperties | dmtf:CIM_ComputerSystem",
            "Pull uuid:ctx-1 max=None | dmtf:CIM_ComputerSystem",
        ],
    ),
    (
        "wsman-enumerate-optimized-m10.http",
        &[
            "Enumerate optimized max=10 Object IncludeSubClassProperties | dmtf:CIM_ComputerSystem",
            "Pull uuid:ctx-1 max=Some(10) | dmtf:CIM_ComputerSystem",
        ],
    ),
    (
        "wsman-enumerate-optimized.http",
        &[
            "Enumerate optimized Object IncludeSubClassProperties | dmtf:CIM_ComputerSystem",
            "Pull uuid:ctx-1 max=None | dmtf:CIM_ComputerSystem",
        ],
    ),
    (
        "wsman-enumerate-plain.http",
        &[
            "Enumerate Object IncludeSubClassProperties | dmtf:CIM_ComputerSystem",
            "Pull uuid:ctx-1 max=None | dmtf:CIM_ComputerSystem",
        ],
    ),
    (
        "wsman-enumerate-poly-include.http",
        &[
            "Enumerate Object IncludeSubClassProperties | dmtf:CIM_ComputerSystem",
            "Pull uuid:ctx-1 max=None | dmtf:CIM_ComputerSystem",
        ],
    ),
    (
        "wsman-enumerate-selectorfilter.http",
        &[
            "Enumerate selectors[Name=box,CreationClassName=X] Object IncludeSubClassProperties | dmtf:CIM_ComputerSystem",
            "Pull uuid:ctx-1 max=None | dmtf:CIM_ComputerSystem",
        ],
    ),
    (
        "wsman-enumerate-wql.http",
        &[
            "Enumerate WQL[select * from CIM_ComputerSystem where Name='box'] Object IncludeSubClassProperties | http://schemas.dmtf.org/wbem/wscim/1/* | __cimnamespace=root/cimv2",
            "Pull uuid:ctx-1 max=None | http://schemas.dmtf.org/wbem/wscim/1/* | __cimnamespace=root/cimv2",
        ],
    ),
    (
        "wsman-get-fragment.http",
        &[
            "Get | dmtf:CIM_ComputerSystem | Name=box,CreationClassName=CIM_ComputerSystem | fragment ElementName",
        ],
    ),
    (
        "wsman-get-ns.http",
        &[
            "Get | dmtf:CIM_ComputerSystem | Name=box,CreationClassName=CIM_ComputerSystem,__cimnamespace=root/interop",
        ],
    ),
    (
        "wsman-get.http",
        &["Get | dmtf:CIM_ComputerSystem | Name=box,CreationClassName=CIM_ComputerSystem"],
    ),
    ("wsman-identify.http", &["Identify"]),
    (
        "wsman-invoke-args.http",
        &[
            "Invoke RequestStateChange RequestStateChange_INPUT RequestedState=3 TimeoutPeriod=0 | dmtf:CIM_ComputerSystem | Name=box,CreationClassName=CIM_ComputerSystem",
        ],
    ),
    (
        "wsman-invoke-noargs.http",
        &[
            "Invoke Reset Reset_INPUT | dmtf:CIM_ComputerSystem | Name=box,CreationClassName=CIM_ComputerSystem",
        ],
    ),
    (
        "wsman-pull.http",
        &["Pull uuid:ctx-1 max=None | dmtf:CIM_ComputerSystem"],
    ),
    (
        "wsman-put-k.http",
        &[
            "Get | dmtf:CIM_ComputerSystem | Name=box,CreationClassName=CIM_ComputerSystem",
            "Put CIM_ComputerSystem CreationClassName=CIM_ComputerSystem Name=box ElementName=new | dmtf:CIM_ComputerSystem | Name=box,CreationClassName=CIM_ComputerSystem",
        ],
    ),
    (
        "wsman-references.http",
        &[
            r#"Enumerate associations[dmtf:CIM_ComputerSystem Name=box,CreationClassName=CIM_ComputerSystem via None role Some("Dependent") to Some("CIM_RunningOS") role None []] Object IncludeSubClassProperties | http://schemas.dmtf.org/wbem/wscim/1/*"#,
            "Pull uuid:ctx-1 max=None | http://schemas.dmtf.org/wbem/wscim/1/*",
        ],
    ),
    (
        "wsman-release.http",
        &["Release uuid:ctx-1 | dmtf:CIM_ComputerSystem"],
    ),
    (
        "wsman-renew-nouri.http",
        &[r#"Renew Some("PT120S") | id uuid:11111111-2222-3333-4444-555555555555"#],
    ),
    (
        "wsman-renew.http",
        &[r#"Renew Some("PT120S") | dmtf:CIM_Indication | id uuid:11111111-2222-3333-4444-555555555555"#],
    ),
    (
        "wsman-subscribe-creds.http",
        &[
            r#"Subscribe Push to=https://127.0.0.1:6736/ev [] expires=PT3600S auth=http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/basic | dmtf:CIM_Indication | UserName("evuser") for Some("https://127.0.0.1:6736/ev")"#,
        ],
    ),
    (
        "wsman-subscribe-events.http",
        &["Subscribe Events to=http://127.0.0.1:6736/ev [] expires=PT60S | dmtf:CIM_Indication"],
    ),
    (
        "wsman-subscribe-filter.http",
        &[
            "Subscribe Push to=https://127.0.0.1:6736/ev [] expires=PT60S WQL[select * from CIM_AlertIndication] | http://schemas.dmtf.org/wbem/wscim/1/*",
        ],
    ),
    (
        "wsman-subscribe-hb-bookmark.http",
        &[
            "Subscribe Push to=http://127.0.0.1:6736/ev [] expires=PT3600S heartbeats=30s bookmarks | dmtf:CIM_Indication",
        ],
    ),
    (
        "wsman-subscribe-pull.http",
        &["Subscribe Pull to=http://127.0.0.1:6736/ev [] expires=PT60S | dmtf:CIM_Indication"],
    ),
    (
        "wsman-subscribe-push.http",
        &["Subscribe Push to=http://127.0.0.1:6736/ev [] expires=PT60S | dmtf:CIM_Indication"],
    ),
    (
        "wsman-subscribe-pushwithack.http",
        &["Subscribe PushWithAck to=http://127.0.0.1:6736/ev [] expires=PT60S | dmtf:CIM_Indication"],
    ),
    (
        "wsman-subscribe-refprops.http",
        &[
            r#"Subscribe Push to=http://127.0.0.1:6736/ev ["<n1:tag xmlns:n1=\"urn:x\">42</n1:tag>"] | dmtf:CIM_Indication"#,
        ],
    ),
    (
        "wsman-unsubscribe.http",
        &["Unsubscribe | dmtf:CIM_Indication | id uuid:11111111-2222-3333-4444-555555555555"],
    ),
];

/// The bodies of the requests in one recording.
fn bodies(recording: &str) -> impl Iterator<Item = &str> {
    recording.split("--- next request").map(|request| {
        let head_end = request.find("\r\n\r\n").map(|at| at + 4);
        let start = head_end
            .or_else(|| request.find("\n\n").map(|at| at + 2))
            .expect("head and body");
        request[start..].trim()
    })
}

fn recordings() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire");
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect()
}

#[test]
fn every_recorded_request_is_read_as_what_it_was() {
    let expect: BTreeMap<&str, &[&str]> = EXPECT.iter().copied().collect();
    let recordings = recordings();
    for (file, recording) in &recordings {
        let got: Vec<String> = bodies(recording)
            .map(|body| {
                let (text, _) = xml::decode(body.as_bytes(), Some("utf-8")).unwrap();
                let request =
                    Request::decode(&text, Limits::default()).unwrap_or_else(|e| panic!("{file}: {e:?}"));
                let again = Request::decode(&request.encode(), Limits::default());
                assert_eq!(again.as_ref(), Ok(&request), "{file}: our own client can send it");
                describe(&request)
            })
            .collect();
        let expected = expect.get(file.as_str());
        assert_eq!(
            Some(got.iter().map(String::as_str).collect::<Vec<_>>().as_slice()),
            expected.copied(),
            "{file}"
        );
    }
    for file in expect.keys() {
        assert!(recordings.contains_key(*file), "{file} is gone");
    }
}

#[test]
fn a_request_reads_the_same_in_every_encoding() {
    for (file, recording) in recordings() {
        for body in bodies(&recording) {
            let plain = Request::decode(body, Limits::default()).unwrap();
            for encoding in [xml::Encoding::Utf16Le, xml::Encoding::Utf16Be] {
                let bytes = encoding.encode(body.to_owned());
                let (text, found) = xml::decode(&bytes, None).unwrap();
                assert_eq!(found, encoding, "{file}");
                assert_eq!(
                    Request::decode(&text, Limits::default()).as_ref(),
                    Ok(&plain),
                    "{file}"
                );
            }
        }
    }
}
