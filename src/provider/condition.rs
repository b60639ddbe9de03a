//! How an element is, in the several status properties of CIM_ManagedSystemElement.

use super::InstanceBuilder;

/// How an element is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Condition {
    /// Nobody can tell.
    Unknown,
    /// As it should be.
    Ok,
    /// It works and says that it will fail.
    PredictiveFailure,
    /// It does not work.
    Error,
    /// It works as told and is told not to.
    Stopped,
    /// It does not answer.
    LostCommunication,
}

impl Condition {
    const fn operational_status(self) -> u16 {
        match self {
            Self::Unknown => 0,
            Self::Ok => 2,
            Self::PredictiveFailure => 5,
            Self::Error => 6,
            Self::Stopped => 10,
            Self::LostCommunication => 13,
        }
    }

    const fn health_state(self) -> Option<u16> {
        match self {
            Self::Unknown | Self::LostCommunication => Some(0),
            Self::Ok => Some(5),
            Self::PredictiveFailure => Some(10),
            Self::Error => Some(25),
            Self::Stopped => None,
        }
    }

    const fn primary_status(self) -> u16 {
        match self {
            Self::Unknown | Self::LostCommunication => 0,
            Self::Ok | Self::Stopped => 1,
            Self::PredictiveFailure => 2,
            Self::Error => 3,
        }
    }

    const fn communication_status(self) -> Option<u16> {
        match self {
            Self::Unknown => None,
            Self::LostCommunication => Some(3),
            Self::Ok | Self::PredictiveFailure | Self::Error | Self::Stopped => Some(2),
        }
    }
}

/// Sets the status properties, with a text that explains them where there is one.
pub(super) trait SetCondition {
    /// Sets the status properties.
    #[must_use]
    fn condition(self, condition: Condition, why: Option<String>) -> Self;
}

impl SetCondition for InstanceBuilder {
    fn condition(self, condition: Condition, why: Option<String>) -> Self {
        self.set("OperationalStatus", vec![condition.operational_status()])
            .maybe("StatusDescriptions", why.map(|why| vec![why]))
            .maybe("HealthState", condition.health_state())
            .set("PrimaryStatus", condition.primary_status())
            .maybe("CommunicationStatus", condition.communication_status())
    }
}

/// `EnabledState`: whether something is in use.
pub(super) const fn enabled_state(enabled: bool) -> u16 {
    if enabled { 2 } else { 3 }
}
