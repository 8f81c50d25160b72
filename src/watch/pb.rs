//! `proto/hopgate/decision/v1` in Rust. A test makes these files anew and compares.

#![allow(
    clippy::pedantic,
    clippy::large_enum_variant,
    clippy::allow_attributes_without_reason,
    unreachable_pub,
    reason = "made by tonic-prost-build, whose style is its own"
)]

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor};

include!("pb/hopgate.decision.v1.rs");

/// The compiled files, a `FileDescriptorSet`.
pub(super) const DESCRIPTORS: &[u8] = include_bytes!("pb/descriptors.bin");

static DECISION: LazyLock<Option<MessageDescriptor>> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).ok()?.get_message_by_name("hopgate.decision.v1.Decision"));

impl Decision {
    /// What `line` says; `None` if it is no decision. Records are this message as ProtoJSON.
    pub(super) fn of_line(line: &[u8]) -> Option<Self> {
        let options = DeserializeOptions::new().deny_unknown_fields(false);
        let mut json = serde_json::Deserializer::from_slice(line);
        let message = DynamicMessage::deserialize_with_options(DECISION.clone()?, &mut json, &options).ok()?;
        message.transcode_to().ok().filter(|decision: &Self| !decision.decision.is_empty())
    }
}
