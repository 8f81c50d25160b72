//! Configuration: one YAML file, read whole or refused whole.
//!
//! [`written`] is what an operator writes; `settings` is what the program uses; [`load`] turns
//! the first into the second and reports every fault at once.

mod audit;
mod build;
mod defaults;
mod demands;
mod enforcement;
mod faults;
mod files;
mod issuers;
mod lines;
mod listen;
mod otlp;
mod parse;
mod policies;
mod replay;
mod resource;
mod revocations;
mod routes;
mod rules;
mod sender;
mod services;
mod settings;
mod span;
mod tls;
pub mod written;

use std::path::Path;

pub use faults::Fault;
pub(crate) use faults::close_to;
pub(crate) use issuers::{is_safe, next_generation};
pub(crate) use lines::{Lines, placed};
pub use parse::schema;
pub(crate) use parse::{document as yaml_document, faults_in as yaml_faults, parse as parse_yaml};
pub use revocations::{RevocationSettings, load_revocations};
pub use sender::{ProofSettings, Secret};
pub use settings::{
    AuditSettings, CheckpointSettings, IssuerSettings, KeyLocation, KeySource, Listen, OtlpSettings, ProcessSettings,
    RedisAddress, RedisSettings, RemoteKeys, ReplaySettings, Settings, StoreSettings, Upstream,
};
pub use tls::{TlsDigest, TlsFiles, TlsLook, TlsMaterial, TlsSettings, provider};

use self::faults::Faults;
use self::files::Files;
use crate::authz::PolicySchema;

/// Reads the configuration `file` and every file it names, relative to its own folder.
///
/// # Errors
/// Every fault found, structure first: what its parts mean can only be told once they are there.
pub fn load(file: &Path) -> Result<Settings, Vec<Fault>> {
    let (text, files) = open(file)?;
    read(&text, files, Certificates::MustBeGood)
}

/// As [`load`], for a process that serves already: what the files of `tls` hold is looked at apart.
///
/// # Errors
/// As [`load`].
pub fn load_again(file: &Path) -> Result<Settings, Vec<Fault>> {
    let (text, files) = open(file)?;
    read(&text, files, Certificates::AreApart)
}

/// The Cedar schema for the policies of the configuration `file`, whether or not those are good.
///
/// # Errors
/// As [`load`], but for what is wrong with policies.
pub fn policy_schema(file: &Path) -> Result<String, Vec<Fault>> {
    let (text, mut files) = open(file)?;
    schema_of_policies(&text, &mut files).map_err(|faults| placed(&text, faults))
}

fn schema_of_policies(text: &str, files: &mut Files<'_>) -> Result<String, Vec<Fault>> {
    let mut config: written::Config = parse::parse(text)?;
    let claims = policies::claims(&config);
    config.policy = None;
    let (mut faults, mut warnings) = (Faults::default(), Faults::default());
    let settings = build::build(&config, files, &mut faults, &mut warnings);
    let text = settings.map(|settings| PolicySchema::of(&settings.services, &claims).to_cedar());
    match text {
        Some(Ok(text)) if faults.is_empty() => Ok(text),
        Some(Err(error)) => {
            faults.add("policy", error);
            Err(faults.into_vec())
        }
        Some(Ok(_)) | None => Err(faults.into_vec()),
    }
}

fn open(file: &Path) -> Result<(String, Files<'_>), Vec<Fault>> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut files = Files::new(folder);
    let mut faults = Faults::default();
    let Some(bytes) = file.file_name().and_then(|name| files.read(name, "", &mut faults)) else {
        if file.file_name().is_none() {
            faults.add("", format_args!("`{}` is not a file", file.display()));
        }
        return Err(faults.into_vec());
    };
    let Ok(text) = String::from_utf8(bytes) else {
        faults.add("", "not UTF-8");
        return Err(faults.into_vec());
    };
    Ok((text, files))
}

/// As [`load`], from text instead of a file; the files it names are relative to `folder`.
///
/// # Errors
/// As [`load`].
pub fn load_text(text: &str, folder: &Path) -> Result<Settings, Vec<Fault>> {
    read(text, Files::new(folder), Certificates::MustBeGood)
}

/// Whether what the files of `tls` hold counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Certificates {
    MustBeGood,
    AreApart,
}

fn read(text: &str, files: Files<'_>, certificates: Certificates) -> Result<Settings, Vec<Fault>> {
    let mut settings = without_lines(text, files, certificates).map_err(|faults| placed(text, faults))?;
    if !settings.warnings.is_empty() {
        Lines::of(text).place(&mut settings.warnings);
    }
    Ok(settings)
}

fn without_lines(text: &str, mut files: Files<'_>, certificates: Certificates) -> Result<Settings, Vec<Fault>> {
    let config: written::Config = parse::parse(text)?;
    let (mut faults, mut warnings) = (Faults::default(), Faults::default());
    let settings = build::build(&config, &mut files, &mut faults, &mut warnings);
    let mut faults = faults.into_vec();
    let material = settings.as_ref().and_then(|settings| settings.tls.as_ref()).map(|tls| &tls.material);
    if let (Certificates::MustBeGood, Some(Err(found))) = (certificates, material) {
        faults.extend_from_slice(found);
    }
    match settings {
        Some(mut settings) if faults.is_empty() => {
            let (files, revision) = files.finish();
            settings.files = files;
            settings.revision = revision.into();
            settings.warnings = warnings.into_vec();
            Ok(settings)
        }
        Some(_) | None => Err(faults),
    }
}
