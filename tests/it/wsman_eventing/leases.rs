//! Subscribe, Renew, GetStatus, Unsubscribe: who may, and for how long.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use super::{EVENTS, PULL, PUSH, Source, Subscribed, deliver, expires, manage, subscribe};
use crate::manager::{Manager, Pair};
use crate::message::Message;
use crate::raw_http::Reply;

const NOWHERE: &str = "http://127.0.0.1:9/";

fn push() -> String {
    deliver(PUSH, NOWHERE, "")
}

#[test]
fn a_lease_is_what_was_asked_for_within_bounds() {
    let source = Source::start();
    let granted = |asked: &str| source.subscribe(&push(), asked).expires;
    for (asked, expect) in [
        ("", "PT3600S"),
        ("PT600S", "PT600S"),
        ("PT60.000000S", "PT60S"),
        ("P1DT0H", "PT86400S"),
        ("PT1S", "PT60S"),
        ("PT0S", "PT60S"),
        ("P30D", "PT86400S"),
    ] {
        let asked = if asked.is_empty() {
            String::new()
        } else {
            expires(asked)
        };
        assert_eq!(granted(&asked), expect, "{asked}");
    }
    let hour = jiff::Timestamp::now() + Duration::from_secs(3600);
    let date = granted(&expires(&hour.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()));
    let date: jiff::Timestamp = date.parse().unwrap();
    let off = date.duration_since(hour).as_secs().abs();
    assert!(off <= 5, "{date} for {hour}");
    for wrong in ["1999-01-01T00:00:00Z", "soon", "-PT60S"] {
        let fault = source.ask(&subscribe(&push(), &expires(wrong))).fault();
        assert!(
            fault.starts_with("s:Sender wse:InvalidExpirationTime"),
            "{wrong}: {fault}"
        );
    }
    source.agent.stop();
}

#[test]
fn a_subscription_is_renewed_looked_at_and_ended() {
    let source = Source::start();
    let Subscribed { id, .. } = source.subscribe(&push(), &expires("PT60S"));
    let ask = |action: &str, content: &str| source.ask(&manage(action, &id, content));
    let refusal = |reply: Reply| reply.fault().replace(id.trim_start_matches("uuid:"), "<id>");
    let renewed = ask("Renew", &expires("PT120.000000S"));
    insta::assert_snapshot!(renewed.envelope().outline(), @r"
    s:Envelope
      s:Header
        wsa:To http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous
        wsa:Action http://schemas.xmlsoap.org/ws/2004/08/eventing/RenewResponse
        wsa:MessageID uuid:*
        wsa:RelatesTo uuid:*
      s:Body
        wse:RenewResponse
          wse:Expires PT120S
    ");
    let status = ask("GetStatus", "").body();
    let left = status.text_at("GetStatusResponse/Expires");
    let left = left
        .trim_start_matches("PT")
        .trim_end_matches('S')
        .parse::<f64>()
        .unwrap();
    assert!(left > 100.0 && left <= 120.0, "{left}");
    insta::assert_snapshot!(ask("Unsubscribe", "").envelope().outline(), @r"
    s:Envelope
      s:Header
        wsa:To http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous
        wsa:Action http://schemas.xmlsoap.org/ws/2004/08/eventing/UnsubscribeResponse
        wsa:MessageID uuid:*
        wsa:RelatesTo uuid:*
      s:Body
    ");
    insta::assert_snapshot!(refusal(ask("Renew", &expires("PT120S"))), @"s:Receiver wse:UnableToRenew: there is no subscription `<id>`.");
    insta::assert_snapshot!(refusal(ask("GetStatus", "")), @"s:Sender wse:InvalidMessage: there is no subscription `<id>`.");
    insta::assert_snapshot!(refusal(ask("Unsubscribe", "")), @"s:Sender wse:InvalidMessage: there is no subscription `<id>`.");
    source.agent.stop();
}

#[test]
fn a_subscription_is_its_accounts_own() {
    let source = Source::start();
    let Subscribed { id, .. } = source.subscribe(&push(), "");
    let mut passwd = source.agent.esm(&["passwd", "bob"]);
    let mut child = passwd
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"bobs password\n").unwrap();
    assert!(child.wait().unwrap().success());
    for action in ["Renew", "GetStatus", "Unsubscribe"] {
        let refused = source.ask_as("bob", "bobs password", &manage(action, &id, ""));
        let unknown = manage(action, "uuid:11111111-2222-3333-4444-555555555555", "");
        let unknown = source.ask_as("bob", "bobs password", &unknown);
        let code = |fault: String| fault.split(':').take(3).collect::<Vec<_>>().join(":");
        assert_eq!(
            code(refused.fault()),
            code(unknown.fault()),
            "bob learns nothing of it: {action}"
        );
    }
    assert_eq!(source.ask(&manage("GetStatus", &id, "")).status, 200);
    source.agent.stop();
}

#[test]
fn what_cannot_be_delivered_is_refused_at_once() {
    let source = Source::start();
    let fault = |delivery: &str, more: &str| source.ask(&subscribe(delivery, more)).fault();
    insta::assert_snapshot!(fault(&deliver("urn:other", NOWHERE, ""), ""), @"s:Sender wse:DeliveryModeRequestedUnavailable: The delivery mode `urn:other` is not offered.");
    insta::assert_snapshot!(fault(&deliver(PUSH, "mailto:me@example.org", ""), ""), @"s:Sender wsman:UnsupportedFeature UnusableAddress: The address `mailto:me@example.org` cannot be used: `mailto:me@example.org` is no destination address: expected http:// or https://.");
    insta::assert_snapshot!(fault(&deliver(PUSH, "http://192.0.2.1/x", ""), ""), @"s:Sender wsman:UnsupportedFeature UnusableAddress: 192.0.2.1 is neither the address that subscribed nor in a network of `subscriptions.allow_destinations`.");
    insta::assert_snapshot!(fault(&deliver(PUSH, "https://192.0.2.1/x", ""), ""), @"s:Sender wsman:UnsupportedFeature UnusableAddress: 192.0.2.1 is neither the address that subscribed nor in a network of `subscriptions.allow_destinations`.");
    insta::assert_snapshot!(fault("<e:Delivery/>", ""), @"s:Sender wse:InvalidMessage: wse:Delivery lacks wse:NotifyTo.");
    insta::assert_snapshot!(fault("", ""), @"s:Sender wse:InvalidMessage: wse:Subscribe lacks wse:Delivery.");
    let kerberos =
        "<w:Auth Profile=\"http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/spnego-kerberos\"/>";
    insta::assert_snapshot!(fault(&deliver(PUSH, NOWHERE, kerberos), ""), @"s:Sender wsman:UnsupportedFeature AuthorizationMode: Deliveries cannot authenticate by `http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/spnego-kerberos`; there are http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/basic, http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/http/basic.");
    for heartbeats in ["PT0S", "PT0.001S", "often"] {
        let beats = format!("<w:Heartbeats>{heartbeats}</w:Heartbeats>");
        insta::allow_duplicates! {
            insta::assert_snapshot!(fault(&deliver(PUSH, NOWHERE, &beats), "").split(": ").next().unwrap(), @"s:Sender wsman:UnsupportedFeature Heartbeats");
        }
    }
    let retries = |total: u32, apart: &str| {
        let retry = format!("<w:ConnectionRetry Total=\"{total}\">{apart}</w:ConnectionRetry>");
        deliver(PUSH, NOWHERE, &retry)
    };
    insta::assert_snapshot!(fault(&retries(4, "P1D"), ""), @"s:Sender wsman:UnsupportedFeature DeliveryRetries: Deliveries that fail are tried again for 259200 s at most (`delivery.retry_total_secs`, `delivery.retry_attempts`).");
    Subscribed::of(&source.ask(&subscribe(&retries(5, "PT60S"), "")));
    let thumbprint = |digits: &str| {
        let token = format!(
            "<t:IssuedTokens xmlns:t=\"http://schemas.xmlsoap.org/ws/2005/02/trust\"><t:RequestSecurityTokenResponse>\
             <t:TokenType>http://schemas.dmtf.org/wbem/wsman/1/wsman/token/certificateThumbprint</t:TokenType>\
             <t:RequestedSecurityToken><w:CertificateThumbprint>{digits}</w:CertificateThumbprint></t:RequestedSecurityToken>\
             </t:RequestSecurityTokenResponse></t:IssuedTokens>"
        );
        subscribe(&push(), "").header(&token)
    };
    // That of a certificate in SHA-1.
    insta::assert_snapshot!(source.ask(&thumbprint(&"a1".repeat(20))).fault(), @"s:Sender wsman:UnsupportedFeature AuthorizationMode: The certificate thumbprint: `a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1` is no SHA-256 fingerprint: expected 64 hexadecimal digits, with or without colons.");
    Subscribed::of(&source.ask(&thumbprint(&"a1".repeat(32))));
    let query = |text: &str| {
        format!("<w:Filter Dialect=\"http://schemas.microsoft.com/wbem/wsman/1/WQL\">{text}</w:Filter>")
    };
    insta::assert_snapshot!(fault(&push(), &query("SELECT * FROM")), @"s:Receiver wse:EventSourceUnableToProcess: The filter: line 1, column 14: a class is expected, not the end of the query");
    insta::assert_snapshot!(fault(&push(), &query("SELECT * FROM CIM_Processor")), @"s:Sender wsa:DestinationUnreachable InvalidResourceURI: `CIM_Processor` is no indication class: subscribe to CIM_Indication or a class below it.");
    insta::assert_snapshot!(fault(&push(), &query("SELECT * FROM CIM_AlertIndication WHERE Nothing = 1")), @"s:Receiver wse:EventSourceUnableToProcess: line 1, column 41: class `CIM_AlertIndication` has no property `Nothing`.");
    insta::assert_snapshot!(fault(&push(), "<w:Filter Dialect=\"urn:other\">x</w:Filter>"), @"s:Sender wse:FilteringRequestedUnavailable: The filter dialect `urn:other` is not offered.");
    let processor = subscribe(&push(), "").on("CIM_Processor");
    insta::assert_snapshot!(source.ask(&processor).fault(), @"s:Sender wsa:DestinationUnreachable InvalidResourceURI: `CIM_Processor` is no indication class: subscribe to CIM_Indication or a class below it.");
    let end_to = "<e:EndTo><a:Address>https://192.0.2.1/x</a:Address></e:EndTo>";
    insta::assert_snapshot!(fault(&format!("{end_to}{}", push()), ""), @"s:Sender wsman:UnsupportedFeature UnusableAddress: 192.0.2.1 is neither the address that subscribed nor in a network of `subscriptions.allow_destinations`.");
    source.agent.stop();
}

/// Without a word in the configuration nothing is sent to this machine itself, where other things listen.
#[test]
fn loopback_is_no_destination_unless_it_is_listed() {
    let agent = crate::agent::Agent::start_with("wsman.http_listen = [\"127.0.0.1:0\"]");
    let source = Source::of(agent);
    let refused = source.ask(&subscribe(&deliver(PUSH, "https://127.0.0.1:22/", ""), ""));
    insta::assert_snapshot!(refused.fault(), @"s:Sender wsman:UnsupportedFeature UnusableAddress: 127.0.0.1 is a loopback or link-local address and is not in a network of `subscriptions.allow_destinations`.");
    // A name is looked up when something is delivered, and means nothing else then.
    let folder = tempfile::tempdir().unwrap();
    let manager = Manager::tls(&Pair::make(folder.path()));
    let by_name = format!("https://localhost:{}/", manager.port());
    source.subscribe(&deliver(EVENTS, &by_name, ""), "");
    source.alert();
    manager.nothing_more(Duration::from_millis(1500));
    // In the mode Pull nothing is sent.
    assert!(
        !source
            .subscribe(&deliver(PULL, "https://127.0.0.1:22/", ""), "")
            .context
            .is_empty()
    );
    source.agent.stop();
}

/// The lease is on disk when it is granted: it survives the agent's death.
#[test]
fn a_subscription_outlives_the_agent() {
    let folder = tempfile::tempdir().unwrap();
    let manager = Manager::start(None, &[]);
    let source = Source::start_in(folder.path(), "");
    let Subscribed { id, .. } = source.subscribe(&deliver(PUSH, &manager.url("/x"), ""), &expires("PT600S"));
    source.agent.kill();
    let source = Source::start_in(folder.path(), "");
    let status = source.ask(&manage("GetStatus", &id, "")).body();
    let left = status.text_at("GetStatusResponse/Expires");
    let left = left
        .trim_start_matches("PT")
        .trim_end_matches('S')
        .parse::<f64>()
        .unwrap();
    assert!(left > 400.0 && left <= 600.0, "{left}");
    source.alert();
    // The agent's own start may be told first.
    loop {
        let told = manager.next();
        if told["events"][0][1]["EventID"] == "4000060B" {
            break;
        }
    }
    let by_uri = Message::new(&format!("{}/Unsubscribe", super::EVENTING))
        .on("CIM_Indication")
        .header(&format!("<e:Identifier>{id}</e:Identifier>"))
        .body("<e:Unsubscribe/>");
    assert_eq!(source.ask(&by_uri).status, 200);
    source.agent.stop();
}

/// Subscriptions are instances; who deletes one ends it, and the subscriber is told so where it wants to be.
#[test]
fn a_subscription_that_is_deleted_tells_its_end() {
    let manager = Manager::start(None, &[]);
    let source = Source::start();
    let end_to = format!(
        "<e:EndTo><a:Address>{}</a:Address><a:ReferenceParameters><t:Tag xmlns:t=\"urn:t\">7</t:Tag></a:ReferenceParameters></e:EndTo>",
        manager.url("/end")
    );
    let to_end = format!("{end_to}{}", deliver(PUSH, &manager.url("/told"), ""));
    let Subscribed { id, .. } = source.subscribe(&to_end, &expires("PT600S"));
    let listed = source.ask(&Message::enumerate(
        "ESM_Subscription",
        "<w:OptimizeEnumeration/>",
    ));
    let listed = listed.body().at("EnumerateResponse/Items").children[0].clone();
    assert_eq!(format!("uuid:{}", listed.text_at("SubscriptionID")), id);
    let told = ["Owner", "DeliveryMode", "Filter", "State"].map(|name| listed.text_at(name).to_owned());
    assert_eq!(
        told,
        ["admin", "Push", "SELECT * FROM CIM_ProcessIndication", "active"]
    );
    let delete = Message::transfer("Delete", "ESM_Subscription");
    let delete = delete.selector("InstanceID", listed.text_at("InstanceID"));
    assert_eq!(source.ask(&delete).status, 200);
    let end = manager.next();
    assert_eq!(
        (&end["path"], &end["headers"]["Tag"]),
        (&"/end".into(), &"7".into()),
        "{end}"
    );
    assert_eq!(
        end["action"],
        "http://schemas.xmlsoap.org/ws/2004/08/eventing/SubscriptionEnd"
    );
    assert_eq!(
        end["events"][0][1]["Status"],
        "http://schemas.xmlsoap.org/ws/2004/08/eventing/SourceCanceling"
    );
    assert_eq!(source.ask(&manage("GetStatus", &id, "")).status, 500);
    source.alert();
    manager.nothing_more(Duration::from_millis(1000));
    source.agent.stop();
}
