//! How fast messages are read and written: requests as clients sent them, replies of ten instances.

#![allow(missing_docs, clippy::expect_used, reason = "a benchmark stops by panicking")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use esm::cim::schema::house;
use esm::cim::{CimType, Class, Instance, Name, Namespace, Value};
use esm::wsman::enumeration::{EnumerationReply, encode_enumerate_response};
use esm::wsman::transfer::encode_get_response;
use esm::wsman::{ItemLimits, ItemShape, ItemsBuilder, Pushed, Reply, ReplyHead, Request, Style};
use esm::xml::{Encoding, Limits};

/// The body of the first request of a recording.
fn recorded(recording: &'static str) -> &'static str {
    let start = recording.find("<s:Envelope").expect("an envelope");
    let end = recording.find("</s:Envelope>").expect("its end") + "</s:Envelope>".len();
    &recording[start..end]
}

fn class() -> Class {
    let schema = house().expect("the house schema compiles");
    let namespace = schema
        .namespace(&Namespace::new("root/ESMPRO/AS"))
        .expect("a namespace");
    let class = namespace
        .class(&Name::new("ESM_FileSystemThread"))
        .expect("a class");
    Class::clone(class)
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

fn enumerate(class: &Class, instances: &[Instance]) -> String {
    let limits = ItemLimits {
        max_elements: usize::MAX,
        max_envelope_bytes: 512 * 1024,
        encoding: Encoding::Utf8,
    };
    let head = head();
    let mut builder = ItemsBuilder::new(&head, limits, ItemShape::default());
    for instance in instances {
        assert_eq!(
            builder.push(instance, class, || class.path_of(instance)),
            Pushed::Added
        );
    }
    encode_enumerate_response(&head, None, Some(builder.finish()))
}

fn read(c: &mut Criterion) {
    let class = class();
    let instances: Vec<Instance> = (0..10).map(|number| instance(&class, number)).collect();
    let reply = enumerate(&class, &instances);
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
    }
    group.throughput(Throughput::Bytes(reply.len() as u64));
    group.bench_function("reply of ten instances", |b| {
        b.iter(|| {
            let reply = Reply::decode(black_box(&reply), Limits::default()).expect("a reply");
            EnumerationReply::decode(reply).expect("an enumeration")
        });
    });
    group.finish();
}

fn write(c: &mut Criterion) {
    let class = class();
    let instances: Vec<Instance> = (0..10).map(|number| instance(&class, number)).collect();
    let mut group = c.benchmark_group("write");
    let one = || encode_get_response(&head(), &instances[0], &class, &Style::default());
    group.throughput(Throughput::Bytes(one().len() as u64));
    group.bench_function("get", |b| b.iter(one));
    let ten = || enumerate(&class, black_box(&instances));
    group.throughput(Throughput::Bytes(ten().len() as u64));
    group.bench_function("ten instances", |b| b.iter(ten));
    group.finish();
}

criterion_group!(benches, read, write);
criterion_main!(benches);
