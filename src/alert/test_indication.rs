//! Indications on request, for suites of tests; only with the feature `test-provider`.

use serde::{Deserialize, Serialize};

use crate::cim::{DateTime, Instance, Name};
use crate::time::WallTime;

/// An indication that says nothing but its number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestIndication {
    /// `ESM:<uuid>`: the same wherever and however often it is delivered.
    pub identifier: String,
    /// When it was asked for.
    #[serde(with = "super::unix_micros")]
    pub at: WallTime,
    /// Which of those that were asked for together it is.
    pub test_number: u32,
}

impl TestIndication {
    /// Its class.
    pub const CLASS: Name = Name::from_static("Test_IndicationProviderClass");

    /// The indication, without what belongs to a delivery.
    pub fn indication(&self) -> Instance {
        let mut indication = Instance::with_capacity(Self::CLASS, 5);
        indication.set("IndicationIdentifier", self.identifier.as_str());
        indication.set("IndicationTime", DateTime::from_wall(self.at));
        indication.set("Number", self.test_number);
        indication
    }
}
