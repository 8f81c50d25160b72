//! One JSON-RPC 2.0 message, read so that no other reader finds another one in it.

use serde_json::{Number, Value};

use super::super::json::{Object, same_folded};
use super::super::reason::Reason;

/// One message from a client.
pub(super) enum Message {
    /// With an `id`, or a notification without.
    Call { method: String, id: Option<RequestId>, params: Object },
    /// The answer to a request of the server, as MCP had them up to revision 2025-11-25.
    Response,
}

/// The `id` of a request: text, or a whole number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestId {
    Text(Box<str>),
    Number(Number),
}

/// Longest `id`, bytes: it is repeated in an answer.
const MAX_ID: usize = 256;

/// The members of a message.
const MEMBERS: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];

impl Message {
    pub(super) fn read(body: Value) -> Result<Self, Reason> {
        let mut message = match body {
            Value::Object(message) => message,
            // MCP removed batches in revision 2025-06-18; A2A does not describe them.
            Value::Array(_) => return Err(Reason::CallBatched),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return Err(Reason::CallMalformed),
        };
        if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") || !spells(&message, &MEMBERS) {
            return Err(Reason::CallMalformed);
        }
        let id = message.get("id").map(|id| RequestId::read(id).ok_or(Reason::CallMalformed)).transpose()?;
        let answers = ["result", "error"].iter().filter(|name| message.contains_key(**name)).count();
        match (message.remove("method"), answers, message.remove("params")) {
            (Some(Value::String(method)), 0, None) => Ok(Self::Call { method, id, params: Object::new() }),
            (Some(Value::String(method)), 0, Some(Value::Object(params))) => Ok(Self::Call { method, id, params }),
            (Some(Value::String(_)), 0, Some(_)) => Err(Reason::ParamsMalformed),
            (None, 1, None) if id.is_some() => Ok(Self::Response),
            (Some(_) | None, _, _) => Err(Reason::CallMalformed),
        }
    }
}

impl RequestId {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) if text.len() <= MAX_ID => Some(Self::Text(text.as_str().into())),
            Value::Number(number) if number.is_i64() || number.is_u64() => Some(Self::Number(number.clone())),
            Value::String(_) | Value::Number(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                None
            }
        }
    }

    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => Value::String(text.as_ref().to_owned()),
            Self::Number(number) => Value::Number(number.clone()),
        }
    }
}

/// Whether every member that could be taken for one of `names` is spelled exactly like it.
pub(super) fn spells(object: &Object, names: &[&str]) -> bool {
    object.keys().all(|key| names.iter().all(|name| key == name || !same_folded(key, name)))
}

/// The text at `name`, which must be there.
pub(super) fn text<'a>(params: &'a Object, name: &str) -> Result<&'a str, Reason> {
    params.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).ok_or(Reason::ParamsMalformed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_message_with_nothing_to_guess() {
        let call = |value| Message::read(value);
        assert!(matches!(call(json!({"jsonrpc":"2.0","id":1,"method":"a"})), Ok(Message::Call { id: Some(_), .. })));
        assert!(matches!(call(json!({"jsonrpc":"2.0","method":"a","params":{}})), Ok(Message::Call { id: None, .. })));
        assert!(matches!(call(json!({"jsonrpc":"2.0","id":"x","result":null})), Ok(Message::Response)));
        let refused = [
            (json!([]), Reason::CallBatched),
            (json!([{"jsonrpc":"2.0","id":1,"method":"a"}]), Reason::CallBatched),
            (json!(null), Reason::CallMalformed),
            (json!({"id":1,"method":"a"}), Reason::CallMalformed),
            (json!({"jsonrpc":2.0,"id":1,"method":"a"}), Reason::CallMalformed),
            (json!({"jsonrpc":"1.0","id":1,"method":"a"}), Reason::CallMalformed),
            (json!({"jsonrpc":"2.0","id":1}), Reason::CallMalformed),
            (json!({"jsonrpc":"2.0","id":1,"method":7}), Reason::CallMalformed),
            (json!({"jsonrpc":"2.0","id":1,"method":null}), Reason::CallMalformed),
            (json!({"jsonrpc":"2.0","id":1,"Method":"a"}), Reason::CallMalformed),
            (json!({"jsonrpc":"2.0","id":1,"method":"a","Params":{}}), Reason::CallMalformed),
            (json!({"jsonrpc":"2.0","id":null,"method":"a"}), Reason::CallMalformed),
            (json!({"jsonrpc":"2.0","id":1.5,"method":"a"}), Reason::CallMalformed),
            (json!({"jsonrpc":"2.0","id":{},"method":"a"}), Reason::CallMalformed),
            (json!({"jsonrpc":"2.0","id":"x".repeat(257),"method":"a"}), Reason::CallMalformed),
            (json!({"jsonrpc":"2.0","id":1,"method":"a","result":1}), Reason::CallMalformed),
            (json!({"jsonrpc":"2.0","id":1,"result":1,"error":{}}), Reason::CallMalformed),
            (json!({"jsonrpc":"2.0","result":1}), Reason::CallMalformed),
            (json!({"jsonrpc":"2.0","id":1,"method":"a","params":[]}), Reason::ParamsMalformed),
            (json!({"jsonrpc":"2.0","id":1,"method":"a","params":null}), Reason::ParamsMalformed),
        ];
        for (body, reason) in refused {
            let text = body.to_string();
            assert_eq!(call(body).err(), Some(reason), "{text}");
        }
    }
}
