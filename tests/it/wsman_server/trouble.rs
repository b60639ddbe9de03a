//! Providers that block, panic and fail, and how little that means to others.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::message::Message;
use crate::wsman_service::Service;

fn get(class: &str) -> Message {
    Message::transfer("Get", class).in_test().selector("Number", "1")
}

#[test]
fn an_operation_that_takes_too_long_is_given_up_and_holds_up_nobody() {
    let service = Service::start();
    let began = Instant::now();
    let stuck = std::thread::scope(|scope| {
        let mut ann = service.connect_as("ann");
        let timeout = "<w:OperationTimeout>PT1.500S</w:OperationTimeout>";
        let stuck = scope.spawn(move || ann.ask(&get("Test_Stuck").header(timeout)));
        while !service.world.stuck.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        let mut bob = service.connect_as("bob");
        for _ in 0..20 {
            assert_eq!(bob.ask(&get("Test_Item")).status, 200);
        }
        assert!(
            service.world.stuck.load(Ordering::SeqCst),
            "others were answered meanwhile"
        );
        stuck.join().unwrap()
    });
    assert!(began.elapsed() >= Duration::from_millis(1_500));
    insta::assert_snapshot!(stuck.fault(), @"s:Receiver wsman:TimedOut OperationTimeout: The operation did not end within its 1500 ms.");
    service.world.open();
    assert_eq!(service.ask(&get("Test_Stuck")).status, 200);
    let no_time = service.ask(&get("Test_Item").header("<w:OperationTimeout>soon</w:OperationTimeout>"));
    insta::assert_snapshot!(no_time.fault(), @"s:Sender wsman:UnsupportedFeature OperationTimeout: wsman:OperationTimeout is not an xs:duration such as PT60S or P1DT2H.");
}

#[test]
fn many_stuck_operations_leave_room_for_others() {
    let service = Service::start();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            let mut ann = service.connect_as("ann");
            scope.spawn(move || ann.ask(&get("Test_Stuck")));
        }
        while !service.world.stuck.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        assert_eq!(service.ask(&get("Test_Item")).status, 200);
        service.world.open();
    });
}

fn opened(service: &Service, class: &str) -> String {
    let opened = service.ask(&Message::enumerate(class, "").in_test()).body();
    opened.text_at("EnumerateResponse/EnumerationContext").to_owned()
}

/// Nobody reads what such a pull took in the end: to go on after it would lose items without a word.
#[test]
fn a_pull_that_is_given_up_ends_its_enumeration() {
    let service = Service::start();
    let context = opened(&service, "Test_Slow");
    let two = "<n:MaxElements>2</n:MaxElements>";
    let timeout = "<w:OperationTimeout>PT0.3S</w:OperationTimeout>";
    let given_up = service.ask(
        &Message::pull("Test_Slow", &context, two)
            .in_test()
            .header(timeout),
    );
    assert!(
        given_up.fault().contains("wsman:TimedOut"),
        "{}",
        given_up.fault()
    );
    service.world.open();
    check_ended(&service, &context);
}

/// The same where the client goes away in the middle.
#[test]
fn a_pull_whose_client_is_gone_ends_its_enumeration() {
    let service = Service::start();
    let context = opened(&service, "Test_Slow");
    let two = Message::pull("Test_Slow", &context, "<n:MaxElements>2</n:MaxElements>")
        .in_test()
        .text();
    let mut gone = service.connect_as("ann");
    gone.post_only("application/soap+xml;charset=UTF-8", two.as_bytes());
    while !service.world.stuck.load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
    drop(gone);
    while service.in_flight() > 0 {
        std::thread::yield_now();
    }
    service.world.open();
    check_ended(&service, &context);
}

/// As soon as the provider lets go of it.
#[track_caller]
fn check_ended(service: &Service, context: &str) {
    loop {
        let after = service.ask(&Message::pull("Test_Slow", context, "").in_test());
        let after = after.fault();
        if after.contains("InvalidEnumerationContext") {
            return;
        }
        assert!(after.contains("wsman:Concurrency"), "{after}");
    }
}

#[test]
fn an_enumeration_is_pulled_by_one_at_a_time() {
    let service = Service::start();
    let context = opened(&service, "Test_Slow");
    std::thread::scope(|scope| {
        let first = scope.spawn(|| service.ask(&Message::pull("Test_Slow", &context, "").in_test()));
        while !service.world.stuck.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        let second = service.ask(&Message::pull("Test_Slow", &context, "").in_test());
        insta::assert_snapshot!(second.fault(), @"s:Sender wsman:Concurrency: another request is using this enumeration context.");
        let release = service.ask(&Message::release("Test_Slow", &context).in_test());
        assert!(release.fault().contains("wsman:Concurrency"));
        service.world.open();
        let all = first.join().unwrap().body();
        assert_eq!(all.at("PullResponse/Items").children.len(), 4);
    });
}

#[test]
fn a_panic_costs_its_own_operation_alone() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    for _ in 0..3 {
        insta::allow_duplicates! {
            insta::assert_snapshot!(ann.ask(&get("Test_Panicking")).fault(), @"s:Receiver wsman:InternalError: The service could not do this; its log says why.");
        }
        let enumerate = Message::enumerate("Test_Panicking", "").in_test();
        assert!(ann.ask(&enumerate).fault().contains("wsman:InternalError"));
        assert_eq!(
            ann.ask(&get("Test_Item")).status,
            200,
            "the same connection goes on"
        );
    }
}

/// What came before an error is told before it.
#[test]
fn an_error_in_the_middle_comes_after_what_was_read() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    let content = "<w:OptimizeEnumeration/>";
    let opened = ann
        .ask(&Message::enumerate("Test_Failing", content).in_test())
        .body();
    let response = opened.at("EnumerateResponse");
    assert_eq!(response.at("Items").children.len(), 2);
    let context = response.text_at("EnumerationContext");
    let failed = ann.ask(&Message::pull("Test_Failing", context, "").in_test());
    insta::assert_snapshot!(failed.fault(), @"s:Receiver wsman:InternalError CIM 1: the third one broke");
    let over = ann.ask(&Message::pull("Test_Failing", context, "").in_test());
    assert!(over.fault().contains("InvalidEnumerationContext"));
}
