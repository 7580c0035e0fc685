//! Placeholder.
/// r
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("x")]
pub struct NameError;
