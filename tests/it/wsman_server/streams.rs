//! Enumerations of any length take the same memory.

use std::sync::atomic::Ordering;

use crate::message::Message;
use crate::wsman_service::Service;
use crate::wsman_service::classes::MANY;

/// Instances are made as replies have room for them: one more than was sent, and no two alive at a time beyond
/// the one that waits.
#[test]
fn a_hundred_thousand_instances_are_made_as_they_are_pulled() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    let opened = ann.ask(&Message::enumerate("Test_Many", "").in_test()).body();
    let context = opened.text_at("EnumerateResponse/EnumerationContext").to_owned();
    assert_eq!(service.world.made.load(Ordering::SeqCst), 0);
    let mut sent = 0;
    let mut replies = 0;
    loop {
        let reply = ann.ask(&Message::pull("Test_Many", &context, "").in_test());
        let text = reply.text();
        let items = text.matches("<p:Test_Many ").count();
        assert!(text.contains(&format!("<p:Number>{sent}</p:Number>")));
        sent += items;
        replies += 1;
        let made = service.world.made.load(Ordering::SeqCst);
        assert!(made >= sent && made <= sent + 1, "{made} made, {sent} sent");
        if text.contains("<wsen:EndOfSequence") {
            break;
        }
    }
    assert_eq!(sent, MANY as usize);
    assert!(replies > 20, "each reply is bounded: {replies}");
    let most = service.world.most_alive.load(Ordering::SeqCst);
    assert!(most <= 2, "{most} at a time");
    assert_eq!(service.enumerations.len(), 0);
}

/// A filter that lets one through of a hundred thousand does not gather them either.
#[test]
fn a_filter_looks_at_one_instance_at_a_time() {
    let service = Service::start();
    let query = format!(
        "<w:OptimizeEnumeration/><w:Filter Dialect=\"{}\">SELECT Number FROM Test_Many WHERE Number = {}</w:Filter>",
        crate::message::WQL,
        MANY - 1
    );
    let reply = service.ask(&Message::enumerate(crate::message::ALL_CLASSES, &query).in_test());
    let body = reply.body();
    let items = &body.at("EnumerateResponse/Items").children;
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].names(), ["p:Number"]);
    assert_eq!(service.world.made.load(Ordering::SeqCst), MANY as usize);
    assert!(service.world.most_alive.load(Ordering::SeqCst) <= 2);
}
