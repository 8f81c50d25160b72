//! A pod as JSON, read where it is looked at and otherwise left as it is: fields that this program does not know must come
//! out as they went in.

use serde_json::{Map, Value};

use super::Refusal;

/// The lists of a pod that hold containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Init,
    Main,
    Ephemeral,
}

impl List {
    pub(super) fn field(self) -> &'static str {
        match self {
            Self::Init => "initContainers",
            Self::Main => "containers",
            Self::Ephemeral => "ephemeralContainers",
        }
    }
}

/// A container and its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed<'a> {
    pub(super) list: List,
    pub(super) at: usize,
    pub(super) name: &'a str,
    pub(super) fields: &'a Map<String, Value>,
}

impl<'a> Listed<'a> {
    /// Whether it runs beside the others, and does not end before they start.
    pub(super) fn stays(&self) -> bool {
        match self.list {
            List::Main => true,
            List::Init => self.fields.get("restartPolicy").and_then(Value::as_str) == Some("Always"),
            List::Ephemeral => false,
        }
    }

    /// Its mounts; none where there is no list.
    pub(super) fn mounts(&self) -> Result<&'a [Value], Refusal> {
        items(self.fields, "volumeMounts", &self.path())
    }

    pub(super) fn ports(&self) -> Result<&'a [Value], Refusal> {
        items(self.fields, "ports", &self.path())
    }

    /// A field of its security context.
    pub(super) fn security(&self, field: &str) -> Option<&'a Value> {
        self.fields.get("securityContext").and_then(|context| context.get(field))
    }

    fn path(&self) -> String {
        format!("spec.{}[{}]", self.list.field(), self.at)
    }
}

/// An item of a list, with its name.
pub(super) type Named<'a> = (&'a str, &'a Map<String, Value>);

#[derive(Debug)]
pub(super) struct Pod<'a> {
    whole: &'a Value,
    pub(super) spec: &'a Map<String, Value>,
    pub(super) containers: Vec<Listed<'a>>,
    pub(super) volumes: Vec<Named<'a>>,
}

impl<'a> Pod<'a> {
    pub(super) fn read(whole: &'a Value) -> Result<Self, Refusal> {
        let spec = whole.get("spec").and_then(Value::as_object).ok_or_else(|| Refusal::new("spec is not an object"))?;
        let mut containers = Vec::new();
        for list in [List::Init, List::Main, List::Ephemeral] {
            let named = named(spec, list.field())?;
            containers.extend(named.into_iter().enumerate().map(|(at, (name, fields))| Listed {
                list,
                at,
                name,
                fields,
            }));
        }
        Ok(Self { whole, spec, containers, volumes: named(spec, "volumes")? })
    }

    pub(super) fn container(&self, name: &str) -> Option<Listed<'a>> {
        self.containers.iter().find(|container| container.name == name).copied()
    }

    pub(super) fn label(&self, key: &str) -> Result<Option<&'a str>, Refusal> {
        label(self.whole, key)
    }

    pub(super) fn annotation(&self, key: &str) -> Result<Option<&'a str>, Refusal> {
        text_of(self.whole, "annotations", key)
    }

    /// Whether there are labels, or annotations, to add one to.
    pub(super) fn has_in_metadata(&self, map: &str) -> bool {
        self.whole.get("metadata").and_then(|metadata| metadata.get(map)).is_some_and(Value::is_object)
    }

    /// Whether `field` of the spec is a list to add to.
    pub(super) fn has_list(&self, field: &str) -> bool {
        self.spec.get(field).is_some_and(Value::is_array)
    }

    /// Whether `field` of the spec is true.
    pub(super) fn is_set(&self, field: &str) -> bool {
        self.spec.get(field).and_then(Value::as_bool) == Some(true)
    }
}

/// A label of `pod`, which need not have a spec.
pub(super) fn label<'a>(pod: &'a Value, key: &str) -> Result<Option<&'a str>, Refusal> {
    text_of(pod, "labels", key)
}

fn text_of<'a>(pod: &'a Value, map: &str, key: &str) -> Result<Option<&'a str>, Refusal> {
    let metadata = match pod.get("metadata") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(metadata)) => metadata,
        Some(_) => return Err(Refusal::new("metadata is not an object")),
    };
    let members = match metadata.get(map) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(members)) => members,
        Some(_) => return Err(Refusal::new(format!("metadata.{map} is not an object"))),
    };
    match members.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::new(format!("metadata.{map}[{key}] is not text"))),
    }
}

/// The items of a list that need not be there. Null is how Go writes an empty one.
fn items<'a>(within: &'a Map<String, Value>, field: &str, path: &str) -> Result<&'a [Value], Refusal> {
    match within.get(field) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(Refusal::new(format!("{path}.{field} is not a list"))),
    }
}

/// The items of a list whose items have names.
fn named<'a>(spec: &'a Map<String, Value>, field: &str) -> Result<Vec<Named<'a>>, Refusal> {
    let mut named = Vec::new();
    for (at, item) in items(spec, field, "spec")?.iter().enumerate() {
        let fields = item.as_object();
        let name = fields.and_then(|fields| fields.get("name")).and_then(Value::as_str);
        match (name, fields) {
            (Some(name), Some(fields)) => named.push((name, fields)),
            (None, _) | (_, None) => return Err(Refusal::new(format!("spec.{field}[{at}] has no name"))),
        }
    }
    Ok(named)
}
