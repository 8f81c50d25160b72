//! What a call is about: the parameters of its path and its arguments.

use serde_json::{Number, Value};

use super::json::Object;
use super::reason::Reason;

/// The parameters of one call.
#[derive(Clone, Copy)]
pub(super) struct Parameters<'a> {
    pub(super) path: &'a matchit::Params<'a, 'a>,
    /// `None` where the protocol shows none.
    pub(super) arguments: Option<&'a Object>,
}

/// Where a value of a call is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `path.NAME`, a parameter of the path template.
    Path(Box<str>),
    /// `arguments.NAME`, deeper with further names.
    Argument(Vec<Box<str>>),
}

impl Source {
    /// Reads `path.id` or `arguments.order.id`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (root, names) = text.split_once('.')?;
        let names: Vec<Box<str>> = names.split('.').map(Into::into).collect();
        if names.iter().any(|name| name.is_empty()) {
            return None;
        }
        match (root, names.as_slice()) {
            ("path", [name]) => Some(Self::Path(name.clone())),
            ("arguments", _) => Some(Self::Argument(names)),
            _ => None,
        }
    }
}

/// The longest text that is taken for a value, bytes: it may be repeated in a header.
const MAX_TEXT: usize = 256;

impl Parameters<'_> {
    /// The value at `source`: a short text, a number or a truth value.
    pub(super) fn scalar(&self, source: &Source) -> Option<Value> {
        let value = match source {
            Source::Path(name) => Value::String(self.path.get(name.as_ref())?.to_owned()),
            Source::Argument(names) => {
                let (first, deeper) = names.split_first()?;
                let first = self.arguments?.get(first.as_ref())?;
                deeper.iter().try_fold(first, |value, name| value.as_object()?.get(name.as_ref()))?.clone()
            }
        };
        match &value {
            Value::String(text) => (text.len() <= MAX_TEXT).then_some(value),
            Value::Number(number) => is_exact(number).then_some(value),
            Value::Bool(_) => Some(value),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

/// Whether two readers understand the number alike: a whole one of 64 bits, or a fraction far below
/// 2^53, where doubles are dense.
fn is_exact(number: &Number) -> bool {
    number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|value| value.abs() < 1e12)
}

/// An argument that a call must have, or may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    pub name: Box<str>,
    pub kind: ValueKind,
    pub optional: bool,
}

/// What a named value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueKind {
    Text,
    /// A whole number of 64 bits.
    Long,
    /// A number with at most four digits behind the point.
    Decimal,
    Boolean,
    /// A list of texts.
    Texts,
}

/// A value that policies can look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed<'a> {
    Text(&'a str),
    Long(i64),
    /// As Cedar writes it.
    Decimal(String),
    Boolean(bool),
    Texts(Vec<&'a str>),
}

impl ValueKind {
    /// `value` as this kind, if it is exactly that.
    pub(super) fn read(self, value: &Value) -> Option<Typed<'_>> {
        match (self, value) {
            (Self::Text, Value::String(text)) => Some(Typed::Text(text)),
            (Self::Long, Value::Number(number)) => number.as_i64().map(Typed::Long),
            (Self::Decimal, Value::Number(number)) => decimal(number).map(Typed::Decimal),
            (Self::Boolean, Value::Bool(truth)) => Some(Typed::Boolean(*truth)),
            (Self::Texts, Value::Array(items)) => {
                items.iter().map(Value::as_str).collect::<Option<_>>().map(Typed::Texts)
            }
            (Self::Text | Self::Long | Self::Decimal | Self::Boolean | Self::Texts, _) => None,
        }
    }
}

/// Digits, a point, and one to four digits.
fn decimal(number: &Number) -> Option<String> {
    if let Some(whole) = number.as_i64() {
        return Some(format!("{whole}.0"));
    }
    let value = number.as_f64().filter(|value| value.abs() < 1e12)?;
    // The shortest digits that mean this double, never with an exponent.
    let text = value.to_string();
    let digits = text.split_once('.').map_or(0, |(_, digits)| digits.len());
    match digits {
        0 => Some(format!("{text}.0")),
        1..=4 => Some(text),
        _ => None,
    }
}

/// The declared arguments are there and what they are declared to be.
pub(super) fn check(declared: &[Argument], arguments: Option<&Object>) -> Result<(), Reason> {
    declared.iter().all(|argument| argument.accepts(arguments)).then_some(()).ok_or(Reason::ArgumentInvalid)
}

impl Argument {
    fn accepts(&self, arguments: Option<&Object>) -> bool {
        match arguments.and_then(|arguments| arguments.get(self.name.as_ref())) {
            Some(value) => self.kind.read(value).is_some(),
            // A call whose arguments can't be seen may have one of another kind.
            None => self.optional && arguments.is_some_and(|arguments| !holds_variant(arguments, &self.name)),
        }
    }
}

/// Whether a member is called `name` by somebody who does not tell letter cases apart.
fn holds_variant(object: &Object, name: &str) -> bool {
    object.keys().any(|key| super::json::same_folded(key, name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sources_are_read_whole() {
        assert_eq!(Source::parse("path.id"), Some(Source::Path("id".into())));
        assert_eq!(Source::parse("arguments.a.b"), Some(Source::Argument(vec!["a".into(), "b".into()])));
        for text in ["", "path", "path.", "path.a.b", "arguments", "arguments.", "arguments.a.", "query.a", "Path.id"] {
            assert_eq!(Source::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_decimal_has_at_most_four_digits_behind_the_point() {
        for (value, text) in [
            (json!(950), Some("950.0")),
            (json!(-3), Some("-3.0")),
            (json!(950.0), Some("950.0")),
            (json!(99.5), Some("99.5")),
            (json!(0.1234), Some("0.1234")),
            (json!(0.12345), None),
            (json!(1e13), None),
            (json!(u64::MAX), None),
            (json!("950"), None),
        ] {
            assert_eq!(ValueKind::Decimal.read(&value), text.map(|text| Typed::Decimal(text.to_owned())), "{value}");
        }
    }

    #[test]
    fn an_argument_in_another_letter_case_is_not_an_absent_one() {
        let declared = [Argument { name: "amount".into(), kind: ValueKind::Long, optional: true }];
        let check = |arguments: Value| super::check(&declared, arguments.as_object());
        assert_eq!(check(json!({})), Ok(()));
        assert_eq!(check(json!({"amount": 1})), Ok(()));
        assert_eq!(check(json!({"amount": 1.5})), Err(Reason::ArgumentInvalid));
        assert_eq!(check(json!({"amount": "1"})), Err(Reason::ArgumentInvalid));
        assert_eq!(check(json!({"Amount": 1})), Err(Reason::ArgumentInvalid));
        assert_eq!(super::check(&declared, None), Err(Reason::ArgumentInvalid));
    }
}
