//! One file per served class: facts become CIM instances.
