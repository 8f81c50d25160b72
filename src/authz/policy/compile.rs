//! Policy files → a policy set: parsed, validated strictly, each policy under its own name.

use cedar_policy::{Authorizer, Entities, ParseErrors, Policy, PolicyId, PolicySet, ValidationMode, Validator};
use miette::Diagnostic;

use super::super::parameters::Argument;
use super::super::snapshot::Services;
use super::schema::PolicySchema;
use super::{Policies, Types};

/// What policies are made from.
#[derive(Clone, Debug, Default)]
pub struct PolicySources {
    /// Name and text of each file.
    pub files: Vec<(String, String)>,
    /// Groups, members and tags, as Cedar's JSON.
    pub entities: Option<String>,
    /// Claims of the token that policies may look at.
    pub claims: Vec<Argument>,
    /// Every issuer of the configuration.
    pub issuers: Vec<Box<str>>,
}

/// A fault of a policy file, or of the entities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFault {
    /// The file's name; `None` for the entities.
    pub file: Option<String>,
    pub message: String,
}

impl Policies {
    /// Compiles and validates `sources` against the schema that `services` make.
    ///
    /// # Errors
    /// Every fault found.
    pub fn compile(sources: PolicySources, services: &Services) -> Result<Self, Vec<PolicyFault>> {
        let schema = PolicySchema::of(services, &sources.claims);
        let schema = schema.compile().map_err(|error| vec![other(error.to_string())])?;
        let types = Types::new().ok_or_else(|| vec![other("the schema's own names can't be read".to_owned())])?;
        let mut compiler =
            Compiler { validator: Validator::new(schema.clone()), set: PolicySet::new(), faults: vec![] };
        for (name, text) in &sources.files {
            compiler.add(name, text);
        }
        let Compiler { set, mut faults, .. } = compiler;
        // With the schema, the actions and their groups are among the entities.
        let entities = Entities::from_json_str(sources.entities.as_deref().unwrap_or("[]"), Some(&schema));
        let entities = entities.unwrap_or_else(|error| {
            faults.push(other(format!("the entities: {}", whole(&error))));
            Entities::empty()
        });
        let qualified = sources.issuers.len() > 1;
        if qualified {
            faults.extend(unclear_names(&types, &sources.issuers, &set, &entities));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let PolicySources { claims, .. } = sources;
        Ok(Self { authorizer: Authorizer::new(), set, entities, schema, types, claims, qualified })
    }
}

fn other(message: String) -> PolicyFault {
    PolicyFault { file: None, message }
}

struct Compiler {
    validator: Validator,
    set: PolicySet,
    faults: Vec<PolicyFault>,
}

impl Compiler {
    /// Adds the policies of one file, each under its `@id`, or else the file's name and its position.
    fn add(&mut self, name: &str, text: &str) {
        let parsed: PolicySet = match text.parse() {
            Ok(parsed) => parsed,
            Err(errors) => {
                let errors: ParseErrors = errors;
                return errors.iter().for_each(|error| self.fault(name, located(error, text)));
            }
        };
        if parsed.num_of_templates() > 0 {
            return self
                .fault(name, "found a template (`?principal` or `?resource`): nothing here links one".to_owned());
        }
        let validation = self.validator.validate(&parsed, ValidationMode::Strict);
        for error in validation.validation_errors() {
            self.fault(name, located(error, text));
        }
        // A name in two scripts, a policy that never applies: in rules about access these are faults.
        for warning in validation.validation_warnings() {
            self.fault(name, located(warning, text));
        }
        let mut policies: Vec<&Policy> = parsed.policies().collect();
        // Cedar numbers them in the order of the text.
        policies.sort_by_key(|policy| {
            let id: &str = policy.id().as_ref();
            id.trim_start_matches("policy").parse::<usize>().unwrap_or(usize::MAX)
        });
        for (at, policy) in policies.into_iter().enumerate() {
            let id = policy.annotation("id").filter(|id| !id.is_empty()).map(str::to_owned);
            let id = id.unwrap_or_else(|| format!("{name}#{}", at.saturating_add(1)));
            if self.set.add(policy.new_id(PolicyId::new(&id))).is_err() {
                self.fault(name, format!("another policy is called `{id}`, too"));
            }
        }
    }

    fn fault(&mut self, file: &str, message: String) {
        self.faults.push(PolicyFault { file: Some(file.to_owned()), message });
    }
}

/// Names of people and clients that do not say whose they are, where several issuers may each have one.
fn unclear_names<'a>(
    types: &'a Types,
    issuers: &'a [Box<str>],
    set: &PolicySet,
    entities: &Entities,
) -> impl Iterator<Item = PolicyFault> + use<'a> {
    let in_policies = set.policies().flat_map(|policy| {
        let place = format!("policy `{}`", policy.id());
        policy.entity_literals().into_iter().map(move |uid| (place.clone(), uid))
    });
    let in_entities = entities.iter().map(|entity| ("the entities".to_owned(), entity.uid()));
    let named: Vec<_> = in_policies.chain(in_entities).collect();
    named.into_iter().filter(|(_, uid)| types.is_unclear(uid, issuers)).map(|(place, uid)| {
        other(format!("{place}: found `{uid}`, expected `issuer#name`, as there are several issuers"))
    })
}

/// An error with its line, what is behind it, and what may help.
fn located<E: Diagnostic>(error: &E, text: &str) -> String {
    let at = error.labels().into_iter().flatten().next().map(|label| label.offset());
    let line = at.and_then(|at| text.as_bytes().get(..at)).map(|before| before.split(|byte| *byte == b'\n').count());
    let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
    let help = error.help().map(|help| format!(" ({help})")).unwrap_or_default();
    format!("{line}{}{help}", whole(error)).replace('\n', " ")
}

/// An error with what is behind it.
pub(super) fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}
