//! The object manager: (namespace, class, operation) to provider, the same for both protocols.
