//! Integration tests, one module per subject, in one binary so that they link once.
