//! One worker per destination: ordering, retries, acknowledgement.
