//! hopgate
