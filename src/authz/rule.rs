//! What one thing that can be called asks for: a route, or a tool or method behind it.

use std::time::Duration;

use super::approval::Approval;
use super::client_type::ClientType;
use super::delegation::Delegation;
use super::json::same_folded;
use super::parameters::{Argument, Source};
use super::step_up::StepUp;

/// What is asked of a call before it may pass.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What policies call it: `service/route`, behind it `/tools/name` and the like.
    pub action: Box<str>,
    /// All needed, as configured.
    pub scopes: Vec<Box<str>>,
    pub delegation: Delegation,
    /// The kinds of client that may call; `None` for any.
    pub client_types: Option<Vec<ClientType>>,
    /// The risk class, as the operator calls it.
    pub risk: Option<Box<str>>,
    /// Refuse tokens that are bound to nobody.
    pub sender_constrained: bool,
    /// A token passes once.
    pub single_use: bool,
    /// Longest time since the token was issued.
    pub max_token_age: Option<Duration>,
    pub step_up: Option<StepUp>,
    /// The parameters of the path template.
    pub parameters: Vec<Box<str>>,
    /// The arguments the call must have, by name, sorted.
    pub arguments: Vec<Argument>,
    pub approval: Option<Approval>,
}

impl Rule {
    /// Whether a query names one of the arguments: some frameworks merge it with the body.
    pub(super) fn is_repeated_in(&self, query: Option<&str>) -> bool {
        let in_approval =
            self.approval.iter().flat_map(|approval| &approval.fields).filter_map(|(_, source)| match source {
                Source::Argument(names) => names.first(),
                Source::Path(_) => None,
            });
        let names: Vec<_> = self.arguments.iter().map(|argument| &argument.name).chain(in_approval).collect();
        form_urlencoded::parse(query.unwrap_or_default().as_bytes())
            .any(|(named, _)| names.iter().any(|name| same_folded(&named, name)))
    }

    /// Whether it takes the arguments of a call to decide.
    pub(super) fn looks_at_arguments(&self) -> bool {
        let approves =
            |approval: &Approval| approval.fields.iter().any(|(_, source)| matches!(source, Source::Argument(_)));
        !self.arguments.is_empty() || self.approval.as_ref().is_some_and(approves)
    }
}
