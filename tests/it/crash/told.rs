//! What the listener was told, and whether that is right.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use serde_json::Value;

use super::ledger::{Alerts, Call, Micros};

const TEST_ALERT: &str = "4000060B";

/// An indication as it arrived.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Arrival {
    identifier: String,
    context: String,
    number: i64,
    /// When the test alert was raised; none for other alerts.
    raised: Option<Micros>,
}

/// All that arrived, by path.
#[derive(Default)]
pub struct Told {
    paths: BTreeMap<String, Vec<Arrival>>,
}

impl Told {
    #[track_caller]
    pub fn add(&mut self, delivery: &Value) {
        let path = delivery["path"].as_str().unwrap().to_owned();
        let event = &delivery["events"][0][1];
        let text = |name: &str| {
            event[name]
                .as_str()
                .unwrap_or_else(|| panic!("{name}: {delivery}"))
        };
        self.paths.entry(path).or_default().push(Arrival {
            identifier: text("IndicationIdentifier").to_owned(),
            context: text("SequenceContext").to_owned(),
            number: text("SequenceNumber").parse().unwrap(),
            raised: (text("EventID") == TEST_ALERT).then(|| micros(text("EventTime"))),
        });
    }

    /// Whether the alert of that call has arrived.
    pub fn has(&self, path: &str, call: Call) -> bool {
        let arrivals = self.paths.get(path).map(Vec::as_slice).unwrap_or_default();
        let of_call = |raised| call.sent <= raised && raised <= call.ended;
        // It is one of the last.
        arrivals
            .iter()
            .rev()
            .any(|arrival| arrival.raised.is_some_and(of_call))
    }

    /// Each path was told in order, with nothing left out between two alerts: what came once may come again,
    /// and is then the same.
    pub fn check_order(&self) {
        for (path, arrivals) in &self.paths {
            check_order(path, arrivals);
        }
    }

    /// The path was told of each answered alert since then, and of none that nobody raised.
    pub fn check_alerts(&self, path: &str, alerts: &Alerts, since: Micros) {
        let raised: BTreeSet<Micros> = self.paths[path]
            .iter()
            .filter_map(|arrival| arrival.raised)
            .collect();
        for at in &raised {
            assert!(
                alerts.call_at(*at).is_some(),
                "{path}: nobody raised the alert of {at}"
            );
        }
        for call in alerts.answered_since(since) {
            let of_call = raised.range(call.sent..=call.ended).count();
            assert_eq!(of_call, 1, "{path}: alerts that arrived of {call:?}");
        }
    }
}

#[track_caller]
fn check_order(path: &str, arrivals: &[Arrival]) {
    let mut known: HashMap<&str, &Arrival> = HashMap::new();
    let mut contexts: BTreeSet<&str> = BTreeSet::new();
    let mut newest: Option<&Arrival> = None;
    for arrival in arrivals {
        if let Some(first) = known.get(arrival.identifier.as_str()) {
            assert_eq!(*first, arrival, "{path}: an alert came again as another");
            continue;
        }
        known.insert(&arrival.identifier, arrival);
        match newest.filter(|newest| newest.context == arrival.context) {
            Some(newest) => assert_eq!(
                arrival.number,
                newest.number + 1,
                "{path}: {newest:?}, {arrival:?}"
            ),
            None => {
                assert!(
                    contexts.insert(&arrival.context),
                    "{path}: back in an old series: {arrival:?}"
                );
                assert_eq!(
                    arrival.number, 0,
                    "{path}: the beginning of a series is lost: {arrival:?}"
                );
            }
        }
        newest = Some(arrival);
    }
}

/// A CIM datetime in UTC.
fn micros(datetime: &str) -> Micros {
    let date = datetime.strip_suffix("+000").expect("the agent says UTC");
    let date = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S%.f", date).unwrap();
    let date = date.to_zoned(jiff::tz::TimeZone::UTC).unwrap();
    date.timestamp().as_microsecond()
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrivals: usize = self.paths.values().map(Vec::len).sum();
        let different = |arrivals: &Vec<Arrival>| {
            let identifiers: BTreeSet<_> = arrivals.iter().map(|arrival| &arrival.identifier).collect();
            identifiers.len()
        };
        let once: usize = self.paths.values().map(different).sum();
        write!(f, "{arrivals} deliveries, {} of them again", arrivals - once)
    }
}
