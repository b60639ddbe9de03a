//! How fast messages are read and written: requests as clients sent them, replies of ten instances. *Bare* is
//! what quick-xml takes for the same bytes when nobody looks at them: its events read to the end, or written out
//! again without being made.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark stops by panicking"
)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use esm::cim::schema::house;
use esm::cim::{CimType, Class, Instance, Name, Namespace, Value};
use esm::cimxml::instance::Shown;
use esm::cimxml::{InstanceView, Operation, RequestMessage, ResponseMessage, ResponseWriter};
use esm::wsman::enumeration::{EnumerationReply, encode_enumerate_response};
use esm::wsman::transfer::encode_get_response;
use esm::wsman::{ItemLimits, ItemShape, ItemsBuilder, KnownTags, Pushed, Reply, ReplyHead, Request, Style};
use esm::xml::{Encoding, Limits};
use quick_xml::events::Event;

/// The body of the first request of a recording.
fn recorded(recording: &'static str) -> &'static str {
    let start = recording.find("<s:Envelope").expect("an envelope");
    let end = recording.find("</s:Envelope>").expect("its end") + "</s:Envelope>".len();
    &recording[start..end]
}

fn class() -> Arc<Class> {
    let schema = house().expect("the house schema compiles");
    let namespace = schema
        .namespace(&Namespace::new("root/ESMPRO/AS"))
        .expect("a namespace");
    let class = namespace
        .class(&Name::new("ESM_FileSystemThread"))
        .expect("a class");
    Arc::clone(class)
}

/// An instance with numbers, some texts, and NULL for the rest, as a file system has them.
fn instance(class: &Class, number: u32) -> Instance {
    let mut instance = Instance::with_capacity(class.name.clone(), class.properties.len());
    for declared in &class.properties {
        let value = match declared.ty.cim_type {
            _ if declared.ty.is_array() => None,
            CimType::String if declared.is_key() => Some(Value::from(format!("/var/lib/data{number}"))),
            CimType::Uint64 => Some(Value::Uint64(107_374_182_400 + u64::from(number))),
            CimType::Uint32 => Some(Value::Uint32(number)),
            CimType::Uint16 => Some(Value::Uint16(3)),
            CimType::Real64 => Some(Value::Real64(42.125)),
            CimType::Boolean => Some(Value::Boolean(true)),
            _ => None,
        };
        instance.push(declared.with_value(value));
    }
    instance
}

fn head() -> ReplyHead {
    ReplyHead {
        message_id: "uuid:5b4c0c5e-6f0a-4a63-9b3c-0c4c6c1f9c11".to_owned(),
        relates_to: Some("uuid:fc1da938-60bb-10bb-8002-01000000fc02".to_owned()),
        ..ReplyHead::default()
    }
}

fn enumerate(class: &Arc<Class>, known: &KnownTags, instances: &[Instance]) -> String {
    let limits = ItemLimits {
        max_elements: usize::MAX,
        max_envelope_bytes: 512 * 1024,
        encoding: Encoding::Utf8,
    };
    let head = head();
    let mut builder = ItemsBuilder::new(&head, limits, ItemShape::default(), known);
    for instance in instances {
        assert_eq!(
            builder.push(instance, class, || class.path_of(instance)),
            Pushed::Added
        );
    }
    encode_enumerate_response(&head, None, Some(builder.finish()))
}

/// The events of a document, which borrow it.
fn events(xml: &str) -> Vec<Event<'_>> {
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut events = Vec::new();
    loop {
        match reader.read_event().expect("an event") {
            Event::Eof => return events,
            event => events.push(event),
        }
    }
}

/// Reads a document and forgets it; the number of its events.
fn read_bare(xml: &str) -> usize {
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut count = 0;
    while !matches!(reader.read_event().expect("an event"), Event::Eof) {
        count += 1;
    }
    count
}

fn write_bare(events: &[Event<'_>]) -> Vec<u8> {
    let mut writer = quick_xml::Writer::new(Vec::new());
    for event in events {
        writer.write_event(event.borrow()).expect("a buffer takes it");
    }
    writer.into_inner()
}

/// The CIM-XML reply to a classic enumeration.
fn enumerate_instances(class: &Class, instances: &[Instance]) -> String {
    let view = InstanceView::default();
    let operation = Operation::EnumerateInstances {
        class: class.name.clone(),
        deep_inheritance: true,
        view: view.clone(),
    };
    let message = RequestMessage::single("1001", Namespace::new("root/ESMPRO/AS"), operation);
    let mut response = ResponseWriter::new(&message, "server.example");
    for request in &message.requests {
        response.begin(request);
        for instance in instances {
            response.instance(&class.path_of(instance), instance, Shown::new(&view, Some(class)));
        }
        response.end();
    }
    response.finish()
}

fn read(c: &mut Criterion) {
    let class = class();
    let instances: Vec<Instance> = (0..10).map(|number| instance(&class, number)).collect();
    let known = KnownTags::default();
    let reply = enumerate(&class, &known, &instances);
    let mut group = c.benchmark_group("read");
    for (name, xml) in [
        (
            "enumerate, wsman",
            recorded(include_str!("../tests/wire/wsman-enumerate-optimized-m10.http")),
        ),
        (
            "enumerate, libmi",
            recorded(include_str!("../tests/wire/libmi-ei.http")),
        ),
        (
            "subscribe",
            recorded(include_str!("../tests/wire/wsman-subscribe-creds.http")),
        ),
    ] {
        group.throughput(Throughput::Bytes(xml.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| Request::decode(black_box(xml), Limits::default()).expect("a request"));
        });
        group.bench_function(format!("{name}, bare"), |b| b.iter(|| read_bare(black_box(xml))));
    }
    group.throughput(Throughput::Bytes(reply.len() as u64));
    group.bench_function("reply of ten instances", |b| {
        b.iter(|| {
            let reply = Reply::decode(black_box(&reply), Limits::default()).expect("a reply");
            EnumerationReply::decode(reply).expect("an enumeration")
        });
    });
    group.bench_function("reply of ten instances, bare", |b| {
        b.iter(|| read_bare(black_box(&reply)));
    });
    for (name, xml) in [
        (
            "CIM-XML EnumerateInstances, wbemcli",
            include_str!("../fuzz/seeds/cim_request/wbemcli-EnumerateInstances.xml"),
        ),
        (
            "CIM-XML CreateInstance, pywbem",
            include_str!("../fuzz/seeds/cim_request/pywbem-CreateInstance.xml"),
        ),
    ] {
        group.throughput(Throughput::Bytes(xml.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| RequestMessage::decode(black_box(xml), Limits::default()).expect("a request"));
        });
    }
    let reply = enumerate_instances(&class, &instances);
    group.throughput(Throughput::Bytes(reply.len() as u64));
    group.bench_function("CIM-XML reply of ten instances", |b| {
        b.iter(|| ResponseMessage::decode(black_box(&reply), Limits::default()).expect("a reply"));
    });
    group.finish();
}

fn write(c: &mut Criterion) {
    let class = class();
    let instances: Vec<Instance> = (0..10).map(|number| instance(&class, number)).collect();
    let mut group = c.benchmark_group("write");
    let one = || encode_get_response(&head(), &instances[0], &class, &Style::default());
    let known = KnownTags::default();
    let ten = || enumerate(&class, &known, black_box(&instances));
    let makers: [(&str, &dyn Fn() -> String); 2] = [("get", &one), ("ten instances", &ten)];
    for (name, make) in makers {
        let xml = make();
        let events = events(&xml);
        group.throughput(Throughput::Bytes(xml.len() as u64));
        group.bench_function(name, |b| b.iter(make));
        group.bench_function(format!("{name}, bare"), |b| {
            b.iter(|| write_bare(black_box(&events)))
        });
    }
    let answer = || enumerate_instances(&class, black_box(&instances));
    group.throughput(Throughput::Bytes(answer().len() as u64));
    group.bench_function("CIM-XML, ten instances", |b| b.iter(answer));
    group.finish();
}

criterion_group!(benches, read, write);
criterion_main!(benches);
