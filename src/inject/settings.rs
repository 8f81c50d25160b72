//! The injector's settings file.

use std::collections::BTreeMap;
use std::path::Path;

use k8s_openapi::api::core::v1::{ResourceRequirements, Volume};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::config::{Fault, parse_yaml, placed};

/// What containers are made of, and with what.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(super) hopgate: Image,
    pub(super) envoy: Image,
    pub(super) envoy_concurrency: u16,
    /// A volume without its name.
    pub(super) certificate: Option<Volume>,
}

#[derive(Clone, Debug)]
pub(super) struct Image {
    pub(super) name: String,
    pub(super) pull_policy: Option<String>,
    pub(super) resources: ResourceRequirements,
}

/// The file as an operator writes it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Written {
    hopgate: WrittenHopgate,
    envoy: WrittenEnvoy,
    /// Where an Envoy that is added has its certificate from, where the pod names no Secret: a volume source of
    /// Kubernetes.
    #[serde(default)]
    certificate: Option<Map<String, Value>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WrittenHopgate {
    #[schemars(regex(pattern = r"^\S+$"))]
    image: String,
    #[serde(default)]
    image_pull_policy: Option<PullPolicy>,
    #[serde(default)]
    resources: Resources,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WrittenEnvoy {
    #[schemars(regex(pattern = r"^\S+$"))]
    image: String,
    #[serde(default)]
    image_pull_policy: Option<PullPolicy>,
    #[serde(default)]
    resources: Resources,
    /// Its worker threads.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 512))]
    concurrency: u16,
}

fn two() -> u16 {
    2
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
enum PullPolicy {
    Always,
    IfNotPresent,
    Never,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Resources {
    #[serde(default)]
    requests: BTreeMap<String, Amount>,
    #[serde(default)]
    limits: BTreeMap<String, Amount>,
}

/// A quantity of Kubernetes, such as `50m` or `192Mi`, or a plain number.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Amount {
    Text(#[schemars(regex(pattern = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$"))] String),
    Number(#[schemars(range(min = 0))] f64),
}

impl Amount {
    fn quantity(self) -> Quantity {
        Quantity(match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        })
    }
}

/// Reads the settings `file`.
///
/// # Errors
/// Every fault found.
pub fn load(file: &Path) -> Result<Settings, Vec<Fault>> {
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|error| vec![Fault::new("", format!("can't be read: {error}"))])?;
    read(&text).map_err(|faults| placed(&text, faults))
}

fn read(text: &str) -> Result<Settings, Vec<Fault>> {
    let written: Written = parse_yaml(text)?;
    let certificate = written.certificate.map(volume).transpose();
    let certificate = certificate.map_err(|why| vec![Fault::new("certificate", why)])?;
    let WrittenHopgate { image, image_pull_policy, resources } = written.hopgate;
    let hopgate = Image::new(image, image_pull_policy, resources);
    let WrittenEnvoy { image, image_pull_policy, resources, concurrency } = written.envoy;
    let envoy = Image::new(image, image_pull_policy, resources);
    Ok(Settings { hopgate, envoy, envoy_concurrency: concurrency, certificate })
}

impl Image {
    fn new(name: String, pull_policy: Option<PullPolicy>, resources: Resources) -> Self {
        let pull_policy = pull_policy.map(|policy| format!("{policy:?}"));
        let amounts = |amounts: BTreeMap<String, Amount>| {
            let amounts: BTreeMap<_, _> = amounts.into_iter().map(|(name, amount)| (name, amount.quantity())).collect();
            (!amounts.is_empty()).then_some(amounts)
        };
        let resources = ResourceRequirements {
            claims: None,
            requests: amounts(resources.requests),
            limits: amounts(resources.limits),
        };
        Self { name, pull_policy, resources }
    }
}

/// A volume source as it stands. What Kubernetes does not know it would drop without a word, so it is a fault here.
fn volume(source: Map<String, Value>) -> Result<Volume, String> {
    if source.len() != 1 {
        return Err(format!("found {} members, expected one: the volume source, such as `csi`", source.len()));
    }
    if source.contains_key("name") {
        return Err("found `name`, expected a volume source, such as `csi`".to_owned());
    }
    let mut named = source;
    named.insert("name".to_owned(), Value::from(super::names::CERTIFICATE_VOLUME));
    let named = Value::Object(named);
    let volume: Volume = serde_json::from_value(named.clone()).map_err(|error| error.to_string())?;
    let known = serde_json::to_value(&volume).map_err(|error| error.to_string())?;
    if known != named {
        return Err(format!("found {named}, of which Kubernetes knows {known}"));
    }
    Ok(volume)
}
