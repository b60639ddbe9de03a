//! What is set anew reaches destinations that are delivered to without a pause.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::harness::{World, schema};
use crate::delivery::DestinationRule;
use crate::delivery::cimxml::CimXmlCourier;
use crate::delivery::connection::{ConnectionOptions, DestinationTrust};
use crate::delivery::courier::{Courier, Target};
use crate::delivery::wsman::{WsmanCourier, WsmanCourierOptions};
use crate::subscription::{Carrier, Destination};

#[tokio::test]
async fn a_line_is_used_no_longer_than_its_options_are_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world.subscribe("a.example").await;
    for count in 1..=2 {
        world.alert().await;
        world.until_events("a.example", count).await;
    }
    world.courier.options.store(1, Relaxed);
    world.alert().await;
    world.until_events("a.example", 3).await;
    assert_eq!(*world.courier.lines.lock(), [0, 1]);
}

#[test]
fn a_line_knows_whether_its_options_are_in_force() {
    let options = || {
        Arc::new(ConnectionOptions {
            trust: DestinationTrust::Off,
            connect: Duration::from_secs(1),
            reply: Duration::from_secs(1),
            rule: DestinationRule::default(),
        })
    };
    let wsman_options = || WsmanCourierOptions {
        connection: options(),
        manager_address: "/wsman".to_owned(),
    };
    let destination = Destination {
        owner: "operator".to_owned(),
        url: "https://a.example:6736/".parse().unwrap(),
        user: None,
        thumbprint: None,
        subscribers: Vec::new(),
        carrier: Carrier::default(),
    };
    let target = Target {
        destination,
        credentials: None,
        pin: None,
    };
    let check = |courier: &dyn Courier, set: &dyn Fn()| {
        let old = courier.line(&target);
        assert!(old.is_current());
        set();
        assert!(!old.is_current());
        assert!(courier.line(&target).is_current());
    };
    let cim_xml = CimXmlCourier::new(options());
    check(&cim_xml, &|| cim_xml.set_options(options()));
    let wsman = WsmanCourier::new(schema(), wsman_options());
    check(&wsman, &|| wsman.set_options(wsman_options()));
}
