//! The decision record and `proto/hopgate/decision/v1/decision.proto` say the same: every field of one is a field of the
//! other, under the same name and of the same type, and every field is explained.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use hopgate::dev::keys::SigningKey;
use jsonwebtoken::Algorithm;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use serde_json::Value;

use crate::fixture::Fixture;

const MESSAGE: &str = "hopgate.decision.v1.Decision";
const CLAIMED: &str = "hopgate.decision.v1.Identity";
const SCHEMA: &str = "hopgate/decision/v1/decision.proto";

#[test]
fn a_record_has_exactly_the_fields_of_the_schema() {
    let (signed, forged) = records();
    // `claimed` stands only where a token could be read and not verified.
    assert_eq!(keys(&forged), fields());
    let mut without = fields();
    without.remove("claimed");
    assert_eq!(keys(&signed), without);
    assert_eq!(keys(forged.get("claimed").unwrap()), names(&descriptor(CLAIMED)));
}

#[test]
fn a_record_is_a_message_of_the_schema() {
    let (signed, forged) = records();
    for record in [signed, forged] {
        let message = message(&record);
        let id = record.get("decision_id").and_then(Value::as_str);
        assert_eq!(message.get_field_by_name("decision_id").unwrap().as_str(), id);
        assert_eq!(message.get_field_by_name("seq").unwrap().as_u64(), Some(1));
    }
}

#[test]
fn the_json_name_of_every_field_is_its_own_and_every_field_is_explained() {
    for message in [MESSAGE, CLAIMED] {
        for field in descriptor(message).fields() {
            assert_eq!(field.json_name(), field.name());
        }
    }
    let text = fs::read_to_string(Path::new("proto").join(SCHEMA)).unwrap();
    let mut before = "";
    for line in text.lines().map(str::trim) {
        if line.ends_with("];") {
            assert!(before.starts_with("//"), "no comment above `{line}`");
        }
        before = line;
    }
}

/// The fields of a record.
pub(crate) fn fields() -> BTreeSet<String> {
    names(&descriptor(MESSAGE))
}

/// `record` read by the schema: an unknown field or one of another type is a panic.
pub(crate) fn message(record: &Value) -> DynamicMessage {
    DynamicMessage::deserialize(descriptor(MESSAGE), record).unwrap()
}

fn records() -> (Value, Value) {
    let fixture = Fixture::new("");
    let other = SigningKey::generate(Algorithm::ES256).unwrap().with_kid(fixture.key.kid());
    let (good, forged) = (Fixture::token().sign(&fixture.key).unwrap(), Fixture::token().sign(&other).unwrap());
    (fixture.record(&fixture.ask(&good)), fixture.record(&fixture.ask(&forged)))
}

fn descriptor(message: &str) -> MessageDescriptor {
    let files = protox::compile([SCHEMA], ["proto"]).unwrap();
    DescriptorPool::from_file_descriptor_set(files).unwrap().get_message_by_name(message).unwrap()
}

fn names(message: &MessageDescriptor) -> BTreeSet<String> {
    message.fields().map(|field| field.name().to_owned()).collect()
}

fn keys(record: &Value) -> BTreeSet<String> {
    record.as_object().unwrap().keys().cloned().collect()
}
