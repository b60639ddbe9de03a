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

/// An enumeration whose pull was given up is over: what the provider did meanwhile is not known.
#[test]
fn many_stuck_operations_leave_room_for_others() {
    let service = Service::start();
    std::thread::scope(|scope| {
        for _ in 0..40 {
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
