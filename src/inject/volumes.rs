//! The volumes that are added.

use k8s_openapi::api::core::v1::{ConfigMapVolumeSource, EmptyDirVolumeSource, SecretVolumeSource, Volume};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::envoy::Envoy;
use super::names;
use super::settings::Settings;
use super::wishes::{Certificate, Wishes};

/// Readable by whoever has the volume mounted: the files are root's, and our user is not.
const READABLE: i32 = 0o444;

pub(super) fn all(wishes: &Wishes<'_>, settings: &Settings) -> Vec<Volume> {
    let mut volumes = vec![
        // In memory: it holds a socket, and nothing of it should outlive the pod.
        empty(names::SOCKET_VOLUME, Some("Memory")),
        config(names::CONFIG_VOLUME, wishes.config),
    ];
    volumes.extend(wishes.secrets.map(|name| secret(names::SECRETS_VOLUME, name)));
    volumes.push(empty(names::NO_TOKEN_VOLUME, None));
    if matches!(wishes.envoy, Envoy::Ours) {
        volumes.push(config(names::ENVOY_CONFIG_VOLUME, wishes.config));
        volumes.push(empty(names::ENVOY_ADMIN_VOLUME, Some("Memory")));
        volumes.extend(match wishes.certificate {
            Certificate::Secret(name) => Some(secret(names::CERTIFICATE_VOLUME, name)),
            Certificate::Settings => settings
                .certificate
                .clone()
                .map(|source| Volume { name: names::CERTIFICATE_VOLUME.to_owned(), ..source }),
            Certificate::None => None,
        });
    }
    volumes
}

fn empty(name: &str, medium: Option<&str>) -> Volume {
    Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            medium: medium.map(str::to_owned),
            size_limit: Some(Quantity("1Mi".to_owned())),
            ..EmptyDirVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn config(name: &str, map: &str) -> Volume {
    Volume {
        name: name.to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: map.to_owned(),
            default_mode: Some(READABLE),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn secret(name: &str, secret: &str) -> Volume {
    Volume {
        name: name.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(secret.to_owned()),
            default_mode: Some(READABLE),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    }
}
