//! The CIM object model (DSP0004): names, types, values, classes, instances and paths. Pure.
//!
//! Nothing here knows a wire format. Names keep the case they were written in and compare without it;
//! a property knows its type even while its value is NULL (`None`).

#[cfg(test)]
pub(crate) mod any_instance;
mod class;
mod datetime;
mod decimal;
mod error;
mod instance;
pub mod mof;
mod name;
mod path;
pub mod query;
pub mod schema;
mod types;
mod value;

pub use class::{ArraySize, Class, Embedded, Flavor, Method, Parameter, PropertyDecl, Qualifier, TypeDecl};
pub use datetime::{BadDateTime, DateTime, Interval, Timestamp};
pub(crate) use decimal::write_decimal;
pub use error::{CimError, CimStatus};
pub use instance::{Instance, Property};
pub use name::{BadName, Name, Namespace};
pub use path::{BadPath, InstancePath, KeyBinding, same_key_value};
pub use types::{BadType, CimType};
pub use value::{BadValue, Value};
