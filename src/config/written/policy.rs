//! The policies, as written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::route::ValueType;

/// Policies in Cedar. With them, a call passes only if one permits it and none forbids it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Files with policies, relative to this one; `*` stands for any part of a file's name.
    #[schemars(length(min = 1))]
    pub files: Vec<String>,
    /// A file with Cedar entities in JSON: groups, who is in them, tags.
    #[serde(default)]
    pub entities: Option<String>,
    /// Claims of access tokens that policies look at, as `context.claims`, and what they hold. A
    /// token need not have them.
    #[serde(default)]
    pub claims: BTreeMap<String, ValueType>,
}
