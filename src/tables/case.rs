//! One case, ready to be run.

use std::time::SystemTime;

use super::expect::Expected;
use super::written::{Proof, Request, Token};

#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    /// Where it begins in its table.
    pub line: Option<u64>,
    pub at: SystemTime,
    pub request: Request,
    pub token: Option<Token>,
    pub proof: Option<Proof>,
    pub expect: Expected,
    /// Of the same call, sent again.
    pub then: Option<Expected>,
    pub times: u32,
}
