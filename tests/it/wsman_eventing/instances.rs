//! Filters, destinations and subscriptions as instances, made and changed over WS-Management.

use super::{PUSH, Source, Subscribed, deliver, expires, manage, subscribe};
use crate::element::Element;
use crate::manager::Manager;
use crate::message::Message;
use crate::raw_http::Reply;

const FILTER: &str = "CIM_IndicationFilter";
const LISTENER: &str = "CIM_ListenerDestinationWSManagement";
const SUBSCRIPTION: &str = "CIM_IndicationSubscription";
const INTEROP: &str = "root/interop";
const ESM: &str = "root/ESMPRO/AS";

fn on(action: &str, class: &str, namespace: &str) -> Message {
    Message::transfer(action, class).selector("__cimnamespace", namespace)
}

fn create(class: &str, namespace: &str, properties: &str) -> Message {
    on("Create", class, namespace).instance(class, properties)
}

fn filter(name: &str, query: &str) -> String {
    format!(
        "<c:CreationClassName>{FILTER}</c:CreationClassName><c:Name>{name}</c:Name><c:Query>{query}</c:Query>\
         <c:QueryLanguage>DMTF:CQL</c:QueryLanguage><c:SourceNamespaces>{ESM}</c:SourceNamespaces>"
    )
}

fn listener(name: &str, url: &str) -> String {
    format!("<c:Name>{name}</c:Name><c:Destination>{url}</c:Destination>")
}

/// A reference, as the endpoint of the instance with these keys.
fn reference(role: &str, class: &str, system: [&str; 2], name: &str) -> String {
    let [system_class, system] = system;
    let selectors: String = [
        ("SystemCreationClassName", system_class),
        ("SystemName", system),
        ("CreationClassName", class),
        ("Name", name),
    ]
    .map(|(key, value)| format!("<w:Selector Name=\"{key}\">{value}</w:Selector>"))
    .concat();
    format!(
        "<c:{role}><a:Address>http://localhost/wsman</a:Address><a:ReferenceParameters>\
         <w:ResourceURI>http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/{class}</w:ResourceURI>\
         <w:SelectorSet>{selectors}</w:SelectorSet></a:ReferenceParameters></c:{role}>"
    )
}

/// The message with the selectors of the subscription that ties a filter to a listener, each of a system.
fn tied(message: Message, [filter_system, filter]: [&str; 2], [system, listener]: [&str; 2]) -> Message {
    message
        .selector("Filter", &endpoint(FILTER, filter_system, filter))
        .selector("Handler", &endpoint(LISTENER, system, listener))
}

fn endpoint(class: &str, system: &str, name: &str) -> String {
    reference("Reference", class, ["ESM_GeneralInformation", system], name)
        .replace("c:Reference>", "a:EndpointReference>")
}

/// An agent, and the system that it says its instances belong to.
struct World {
    source: Source,
    system: String,
}

impl World {
    fn start() -> Self {
        Self::of(Source::start())
    }

    fn of(source: Source) -> Self {
        let shipped = source.ask(&on("Get", FILTER, INTEROP).selector("Name", "ESM:AllAlerts"));
        let system = shipped.body().text_at(&format!("{FILTER}/SystemName")).to_owned();
        assert!(!system.is_empty());
        Self { source, system }
    }

    #[track_caller]
    fn ask(&self, message: &Message) -> Reply {
        self.source.ask(message)
    }

    #[track_caller]
    fn done(&self, message: &Message) {
        self.ask(message).body();
    }

    /// How many instances of a class there are in a namespace.
    #[track_caller]
    fn instances(&self, class: &str, namespace: &str) -> Vec<Element> {
        let optimized = "<w:OptimizeEnumeration/><w:MaxElements>100</w:MaxElements>";
        let asked = Message::enumerate(class, optimized).selector("__cimnamespace", namespace);
        let body = self.ask(&asked).body();
        body.at("EnumerateResponse/Items").children.clone()
    }

    /// The message with the selectors of the subscription that ties `filter` to `listener`.
    fn tied(&self, message: Message, filter: &str, listener: &str) -> Message {
        tied(message, [&self.system, filter], [&self.system, listener])
    }

    fn subscription(&self, filter: &str, listener: &str, more: &str) -> String {
        let system = ["ESM_GeneralInformation", self.system.as_str()];
        let filter = reference("Filter", FILTER, system, filter);
        let listener = reference("Handler", LISTENER, system, listener);
        format!("{filter}{listener}{more}")
    }
}

#[test]
fn a_subscription_is_made_of_instances_in_either_namespace() {
    let manager = Manager::start(None, &[]);
    let world = World::start();
    for class in [LISTENER, "CIM_ListenerDestinationCIMXML", SUBSCRIPTION] {
        assert!(world.instances(class, INTEROP).is_empty(), "{class}");
    }
    let query = "SELECT * FROM ESM_AlertIndication WHERE EventSource = 'ESMAGENT'";
    world.done(&create(FILTER, INTEROP, &filter("mine", query)));
    world.done(&create(
        LISTENER,
        ESM,
        &listener("here", &manager.url("/by-instance")),
    ));
    let tie = world.subscription(
        "mine",
        "here",
        "<c:SubscriptionDuration>3600</c:SubscriptionDuration>",
    );
    world.done(&create(SUBSCRIPTION, ESM, &tie));
    for namespace in [ESM, INTEROP, "interop", "root/PG_InterOp"] {
        let found = world.instances(SUBSCRIPTION, namespace);
        let path = "Filter/ReferenceParameters/SelectorSet";
        let selectors = &found[0].at(path).children;
        let spelled = selectors
            .iter()
            .find(|selector| selector.attribute("Name") == Some("__cimnamespace"));
        assert_eq!(spelled.unwrap().text.trim(), namespace);
        assert_eq!(found[0].text_at("SubscriptionDuration"), "3600");
    }
    world.source.alert();
    let told = manager.next();
    assert_eq!(told["path"], "/by-instance");
    assert_eq!(told["events"][0][1]["EventID"], "4000060B");

    let left = |message: Message| world.ask(&world.tied(message, "mine", "here"));
    let found = left(on("Get", SUBSCRIPTION, INTEROP)).body();
    let one = found.at(SUBSCRIPTION);
    assert_eq!(one.text_at("SubscriptionState"), "2");
    let remaining: u64 = one.text_at("SubscriptionTimeRemaining").parse().unwrap();
    assert!((3_500..=3_600).contains(&remaining), "{remaining}");

    // What is in use stays; what is changed is in force.
    let refused = |message: Message| world.ask(&message.selector("Name", "mine")).fault();
    let keys = |message: Message, class: &str| {
        message
            .selector("SystemCreationClassName", "ESM_GeneralInformation")
            .selector("SystemName", &world.system)
            .selector("CreationClassName", class)
    };
    let in_use = refused(keys(on("Delete", FILTER, INTEROP), FILTER));
    assert!(
        in_use.contains("CIM 1: CIM_IndicationFilter `mine` is in use by 1"),
        "{in_use}"
    );
    let disable = "<c:SubscriptionState>4</c:SubscriptionState>";
    let put = on("Put", SUBSCRIPTION, INTEROP).instance(SUBSCRIPTION, disable);
    let after = left(put).body();
    assert_eq!(after.at(SUBSCRIPTION).text_at("SubscriptionState"), "4");
    world.source.alert();
    let enable = disable.replace('4', "2");
    left(on("Put", SUBSCRIPTION, ESM).instance(SUBSCRIPTION, &enable)).body();
    world.source.alert();
    let told = manager.next();
    assert_eq!(told["events"][0][1]["SequenceNumber"], "1");

    left(on("Delete", SUBSCRIPTION, INTEROP)).body();
    world.done(&keys(on("Delete", FILTER, ESM), FILTER).selector("Name", "mine"));
    world.done(&keys(on("Delete", LISTENER, INTEROP), LISTENER).selector("Name", "here"));
    assert!(world.instances(SUBSCRIPTION, ESM).is_empty());
    assert!(world.instances(LISTENER, ESM).is_empty());
    world.source.agent.stop();
}

/// The keys hold the name of the machine. What the agent ships is found by the one of now and by those before, and there
/// is one subscription to it, by whichever name it is asked for; what a client made keeps the name that it has.
#[test]
fn a_subscription_to_a_shipped_filter_outlives_the_name_of_the_machine() {
    const BEFORE: &str = "before.example";
    const AFTER: &str = "after.example";
    const SHIPPED: &str = "ESM:AllAlerts";
    let folder = tempfile::tempdir().unwrap();
    let world = World::of(Source::start_on_host(folder.path(), BEFORE));
    assert_eq!(world.system, BEFORE);
    world.done(&create(
        LISTENER,
        INTEROP,
        &listener("here", "https://127.0.0.1:9"),
    ));
    world.done(&create(
        SUBSCRIPTION,
        INTEROP,
        &world.subscription(SHIPPED, "here", ""),
    ));
    world.source.agent.stop();

    let world = World::of(Source::start_on_host(folder.path(), AFTER));
    assert_eq!(world.system, AFTER);
    let ties = world.instances(SUBSCRIPTION, INTEROP);
    let system = |tie: &Element, role: &str| {
        let selectors = &tie
            .at(&format!("{role}/ReferenceParameters/SelectorSet"))
            .children;
        let mut named = selectors
            .iter()
            .filter(|one| one.attribute("Name") == Some("SystemName"));
        named.next().unwrap().text.trim().to_owned()
    };
    assert_eq!(ties.len(), 1);
    assert_eq!(system(&ties[0], "Filter"), AFTER);
    assert_eq!(system(&ties[0], "Handler"), BEFORE);
    let keys = |message: Message, class: &str, system: &str, name: &str| {
        message
            .selector("SystemCreationClassName", "ESM_GeneralInformation")
            .selector("SystemName", system)
            .selector("CreationClassName", class)
            .selector("Name", name)
    };
    for name in [AFTER, BEFORE] {
        let found = world
            .ask(&keys(on("Get", FILTER, ESM), FILTER, name, SHIPPED))
            .body();
        assert_eq!(found.text_at(&format!("{FILTER}/SystemName")), AFTER);
        let tie = |message| tied(message, [name, SHIPPED], [BEFORE, "here"]);
        world.done(&tie(on("Get", SUBSCRIPTION, INTEROP)));
        let filter = reference("Filter", FILTER, ["ESM_GeneralInformation", name], SHIPPED);
        let handler = reference("Handler", LISTENER, ["ESM_GeneralInformation", BEFORE], "here");
        let again = world
            .ask(&create(SUBSCRIPTION, INTEROP, &format!("{filter}{handler}")))
            .fault();
        assert!(again.contains("CIM 11"), "{name}: {again}");
        let change = "<c:SubscriptionInfo>mine</c:SubscriptionInfo>";
        let change = format!("{filter}{handler}{change}");
        world.done(&tie(
            on("Put", SUBSCRIPTION, INTEROP).instance(SUBSCRIPTION, &change)
        ));
    }
    let other = keys(on("Get", LISTENER, ESM), LISTENER, AFTER, "here");
    let fault = world.ask(&other).fault();
    assert!(fault.contains("there is no instance"), "{fault}");
    world.done(&tied(
        on("Delete", SUBSCRIPTION, INTEROP),
        [BEFORE, SHIPPED],
        [BEFORE, "here"],
    ));
    assert!(world.instances(SUBSCRIPTION, INTEROP).is_empty());
    world.source.agent.stop();
}

#[test]
fn what_is_wrong_is_told_by_its_status() {
    let world = World::start();
    let refused = |class: &str, properties: &str| {
        let fault = world.ask(&create(class, INTEROP, properties)).fault();
        fault[fault.find("CIM ").unwrap_or(0)..].to_owned()
    };
    insta::assert_snapshot!(refused(FILTER, &filter("", "SELECT * FROM CIM_AlertIndication")), @"CIM 4: CIM_IndicationFilter.Name is missing");
    insta::assert_snapshot!(refused(FILTER, &filter("bad", "SELECT * FROM CIM_Nothing")), @"CIM 4: there is no class `CIM_Nothing` in `root/ESMPRO/AS`");
    insta::assert_snapshot!(refused(FILTER, "<c:Name>x</c:Name>"), @"CIM 4: CIM_IndicationFilter.Query is missing");
    insta::assert_snapshot!(refused(FILTER, &filter("ESM:AllAlerts", "SELECT * FROM CIM_AlertIndication")), @"CIM 11: there is a CIM_IndicationFilter `ESM:AllAlerts` already");
    insta::assert_snapshot!(refused(LISTENER, &listener("x", "gopher://127.0.0.1/")), @"CIM 4: Destination: `gopher://127.0.0.1/` is no destination address: expected http:// or https://");
    insta::assert_snapshot!(refused(LISTENER, &listener("x", "http://192.0.2.9/")), @"CIM 4: Destination: 192.0.2.9 is neither the address that subscribed nor in a network of `subscriptions.allow_destinations`");
    insta::assert_snapshot!(refused(LISTENER, &format!("{}<c:DeliveryMode>5</c:DeliveryMode>", listener("x", "https://127.0.0.1"))), @"CIM 4: DeliveryMode is 5 (Pull): events are fetched with what WS-Eventing Subscribe answers");
    insta::assert_snapshot!(refused(SUBSCRIPTION, &world.subscription("ESM:AllAlerts", "nowhere", "")), @r#"CIM 6: Handler: there is no instance CIM_ListenerDestinationWSManagement.CreationClassName="CIM_ListenerDestinationWSManagement",Name="nowhere",SystemCreationClassName="ESM_GeneralInformation",SystemName="vm""#);
    world.done(&create(LISTENER, INTEROP, &listener("x", "https://127.0.0.1")));
    insta::assert_snapshot!(refused(LISTENER, &listener("x", "https://127.0.0.1")), @"CIM 11: there is a CIM_ListenerDestinationWSManagement `x` already");
    for (more, expect) in [
        (
            "<c:SubscriptionDuration>0</c:SubscriptionDuration>",
            "SubscriptionDuration is 0 s",
        ),
        (
            "<c:SubscriptionState>1</c:SubscriptionState>",
            "SubscriptionState is 1",
        ),
        (
            "<c:OnFatalErrorPolicy>1</c:OnFatalErrorPolicy>",
            "OnFatalErrorPolicy is 1",
        ),
        (
            "<c:RepeatNotificationPolicy>3</c:RepeatNotificationPolicy>",
            "RepeatNotificationPolicy 3 needs",
        ),
    ] {
        let fault = refused(SUBSCRIPTION, &world.subscription("ESM:AllAlerts", "x", more));
        assert!(fault.contains(expect), "{fault}");
    }
    let tie = world.subscription("ESM:AllAlerts", "x", "");
    world.done(&create(SUBSCRIPTION, INTEROP, &tie));
    let twice = refused(SUBSCRIPTION, &tie);
    assert!(twice.starts_with("CIM 11: "), "{twice}");
    world.source.agent.stop();
}

/// The filter may be stored, and named by the selectors.
#[test]
fn a_subscribe_names_a_stored_filter() {
    let manager = Manager::start(None, &[]);
    let world = World::start();
    let none = "SELECT * FROM CIM_AlertIndication WHERE PerceivedSeverity = 7";
    world.done(&create(FILTER, INTEROP, &filter("none", none)));
    let delivery = deliver(PUSH, &manager.url("/"), "");
    let ask = |name: &str| {
        world.ask(
            &subscribe(&delivery, &expires("PT600S"))
                .on(FILTER)
                .selector("CreationClassName", FILTER)
                .selector("Name", name),
        )
    };
    Subscribed::of(&ask("none"));
    world.source.alert();
    let Subscribed { id, .. } = Subscribed::of(&ask("ESM:ESMAGENT"));
    world.source.alert();
    assert_eq!(manager.next()["events"][0][1]["EventSource"], "ESMAGENT");
    let missing = ask("nowhere").fault();
    assert!(
        missing.contains("There is no CIM_IndicationFilter `nowhere`"),
        "{missing}"
    );
    let unnamed = world.ask(&subscribe(&delivery, "").on(FILTER)).fault();
    assert!(unnamed.contains("InsufficientSelectors"), "{unnamed}");
    // As instances they are there too, each with a filter and a destination of its own.
    assert_eq!(world.instances(SUBSCRIPTION, INTEROP).len(), 2);
    assert_eq!(world.instances(LISTENER, INTEROP).len(), 2);
    world.ask(&manage("Unsubscribe", &id, "")).body();
    assert_eq!(world.instances(SUBSCRIPTION, INTEROP).len(), 1);
    world.source.agent.stop();
}
