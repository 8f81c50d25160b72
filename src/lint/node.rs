//! A place in a document, there or not, and how protobuf's JSON is read at it.

use std::time::Duration;

use serde_json::Value;

use super::document::Document;

/// What stands at a path, which is known where nothing stands, too: a finding may be about a field that is missing.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    document: &'a Document,
    value: Option<&'a Value>,
    path: String,
}

/// The fields of an `Any`, and the full name of its type.
#[derive(Clone, Debug)]
pub(super) struct Message<'a> {
    /// Such as `envoy.extensions.filters.http.router.v3.Router`; empty where nothing is said.
    pub(super) kind: &'a str,
    pub(super) fields: Node<'a>,
}

impl<'a> Node<'a> {
    pub(super) fn root(document: &'a Document, value: &'a Value) -> Self {
        Self { document, value: Some(value), path: String::new() }
    }

    pub(super) fn document(&self) -> &'a Document {
        self.document
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn exists(&self) -> bool {
        self.value.is_some()
    }

    /// Tells one place from another.
    pub(super) fn id(&self) -> Option<*const Value> {
        self.value.map(std::ptr::from_ref)
    }

    /// The field `name`, which protobuf reads in both spellings, `failure_mode_allow` and `failureModeAllow`.
    pub(super) fn at(&self, name: &str) -> Self {
        let camel = camel_case(name);
        let both = self.mapping().map(|fields| (fields.get(name), fields.get(&camel)));
        let (written, value) = match both {
            Some((Some(_), Some(_))) if camel != name => {
                self.document.misread(&self.path, format_args!("both `{name}` and `{camel}` are there"));
                (name, both.and_then(|(value, _)| value))
            }
            Some((None, Some(value))) => (camel.as_str(), Some(value)),
            Some((value, _)) => (name, value),
            None => (name, None),
        };
        self.child(written, value)
    }

    /// The entry `key` of a map of the operator's own names.
    pub(super) fn key(&self, key: &str) -> Self {
        let value = self.mapping().and_then(|fields| fields.get(key));
        self.child(key, value)
    }

    /// `a.b.c`, each a field.
    pub(super) fn down(&self, names: &str) -> Self {
        names.split('.').fold(self.clone(), |node, name| node.at(name))
    }

    /// The items of a list; none where it is missing.
    pub(super) fn items(&self) -> Vec<Self> {
        match self.value {
            None => Vec::new(),
            Some(Value::Array(items)) => items
                .iter()
                .enumerate()
                .map(|(at, item)| self.with(format!("{}[{at}]", self.path), Some(item)))
                .collect(),
            Some(_) => self.unexpected("a list", Vec::new()),
        }
    }

    /// Names and values of an object; none where it is missing.
    pub(super) fn members(&self) -> Vec<(&'a str, Self)> {
        let fields = self.mapping().into_iter().flatten();
        fields.map(|(name, value)| (name.as_str(), self.child(name, Some(value)))).collect()
    }

    pub(super) fn text(&self) -> Option<&'a str> {
        match self.value? {
            Value::String(text) => Some(text),
            _ => self.unexpected("a text", None),
        }
    }

    /// A text or a number, such as an enumeration's value that is known by both.
    pub(super) fn word(&self) -> Option<String> {
        match self.value? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => self.unexpected("a name or a number", None),
        }
    }

    /// A switch that may be unset.
    pub(super) fn switch(&self) -> Option<bool> {
        match self.value? {
            Value::Bool(value) => Some(*value),
            // What Envoy's reader of YAML takes for a truth value, and ours does not.
            Value::String(text) if ["true", "yes", "on", "y"].contains(&&*text.to_ascii_lowercase()) => Some(true),
            Value::String(text) if ["false", "no", "off", "n"].contains(&&*text.to_ascii_lowercase()) => Some(false),
            _ => self.unexpected("true or false", None),
        }
    }

    /// A switch that is off where it is unset.
    pub(super) fn on(&self) -> bool {
        self.switch().unwrap_or(false)
    }

    pub(super) fn number(&self) -> Option<u64> {
        match self.value? {
            Value::Number(number) if number.as_u64().is_some() => number.as_u64(),
            Value::String(text) if text.parse::<u64>().is_ok() => text.parse().ok(),
            _ => self.unexpected("a whole number", None),
        }
    }

    /// Protobuf's duration, such as `0.5s`.
    pub(super) fn duration(&self) -> Option<Duration> {
        let seconds = self.text()?.strip_suffix('s').and_then(|text| text.parse::<f64>().ok());
        match seconds.map(Duration::try_from_secs_f64) {
            Some(Ok(duration)) => Some(duration),
            _ => self.unexpected("a duration such as `0.5s`", None),
        }
    }

    /// A duration of the Gateway API, such as `500ms` or `1m30s`.
    pub(super) fn span(&self) -> Option<Duration> {
        match humantime::parse_duration(self.text()?) {
            Ok(duration) => Some(duration),
            Err(_) => self.unexpected("a duration such as `500ms`", None),
        }
    }

    /// A value of an enumeration, by its name or by its number; `names` are in the order of their numbers.
    pub(super) fn choice(&self, names: &[&'static str]) -> Option<&'static str> {
        let found = match self.value? {
            Value::String(text) => names.iter().find(|name| *name == text),
            Value::Number(number) => {
                number.as_u64().and_then(|at| usize::try_from(at).ok()).and_then(|at| names.get(at))
            }
            _ => None,
        };
        match found {
            Some(name) => Some(name),
            None => self.unexpected(&format!("one of {}", names.join(", ")), None),
        }
    }

    /// An `Any`; what is written as a `TypedStruct` is looked through.
    pub(super) fn message(&self) -> Message<'a> {
        let kind = self.key("@type").text().map_or("", last_of_url);
        if kind.ends_with(".TypedStruct") || kind == "TypedStruct" {
            let kind = self.at("type_url").text().map_or("", last_of_url);
            return Message { kind, fields: self.at("value") };
        }
        Message { kind, fields: self.clone() }
    }

    /// The message that this is, if it is one that says its type.
    pub(super) fn typed(&self) -> Option<Message<'a>> {
        let says = matches!(self.value, Some(Value::Object(fields)) if fields.contains_key("@type"));
        says.then(|| self.message())
    }

    /// This and everything within, depth first; what `visit` says no to is not entered.
    pub(super) fn each(&self, visit: &mut impl FnMut(&Self) -> bool) {
        if !visit(self) {
            return;
        }
        match self.value {
            Some(Value::Array(_)) => self.items().iter().for_each(|item| item.each(visit)),
            Some(Value::Object(_)) => self.members().iter().for_each(|(_, member)| member.each(visit)),
            _ => {}
        }
    }

    /// Every message of type `kind` at or within this.
    pub(super) fn all(&self, kind: &str) -> Vec<Message<'a>> {
        let mut found = Vec::new();
        self.each(&mut |node| {
            found.extend(node.typed().filter(|message| message.kind == kind));
            true
        });
        found
    }

    /// As the operator wrote it, short.
    pub(super) fn shown(&self) -> String {
        match self.value {
            None => "nothing".to_owned(),
            Some(Value::Array(_)) => "a list".to_owned(),
            Some(Value::Object(_)) => "a mapping".to_owned(),
            Some(Value::String(text)) => format!("`{text}`"),
            Some(value) => format!("`{value}`"),
        }
    }

    pub(super) fn is_mapping(&self) -> bool {
        matches!(self.value, Some(Value::Object(_)))
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.value, Some(Value::Array(_)))
    }

    fn mapping(&self) -> Option<&'a serde_json::Map<String, Value>> {
        match self.value? {
            Value::Object(fields) => Some(fields),
            _ => self.unexpected("a mapping", None),
        }
    }

    fn unexpected<T>(&self, expected: &str, instead: T) -> T {
        self.document.misread(&self.path, format_args!("found {}, expected {expected}", self.shown()));
        instead
    }

    fn child(&self, name: &str, value: Option<&'a Value>) -> Self {
        let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-@".contains(&b));
        let path = match (plain, self.path.is_empty()) {
            (true, true) => name.to_owned(),
            (true, false) => format!("{}.{name}", self.path),
            (false, _) => format!("{}[\"{name}\"]", self.path),
        };
        // A field set to null is one that is not set.
        self.with(path, value.filter(|value| !value.is_null()))
    }

    fn with(&self, path: String, value: Option<&'a Value>) -> Self {
        Self { document: self.document, value, path }
    }
}

fn last_of_url(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_has_two_spellings() {
        assert_eq!(camel_case("http2_protocol_options"), "http2ProtocolOptions");
        assert_eq!(camel_case("name"), "name");
    }
}
