//! The container image, without an image builder: what the Dockerfile puts into it, put together and run.

#![allow(clippy::expect_used, clippy::panic, reason = "a failed expectation is a failed test")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// The image's file system, made by the script that the Dockerfile runs.
fn root(dir: &TempDir) -> PathBuf {
    let root = dir.path().join("image");
    let made = Command::new("packaging/image-root.sh").arg(env!("CARGO_BIN_EXE_hopgate")).arg(&root).output();
    let made = made.expect("the script runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    root
}

fn files(folder: &Path, root: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, root, found);
        } else {
            found.insert(path.strip_prefix(root).expect("inside").display().to_string());
        }
    }
}

/// `hopgate` with nothing but the image around it, as a user who is nobody there.
fn inside(root: &Path, arguments: &[&str]) -> Output {
    Command::new("unshare")
        .args(["--map-root-user", "--root"])
        .arg(root)
        .arg("/hopgate")
        .args(arguments)
        .env_clear()
        .output()
        .expect("util-linux has unshare")
}

#[test]
fn the_image_holds_the_program_what_it_links_and_no_more() {
    let dir = TempDir::new().expect("a directory");
    let root = root(&dir);
    let mut found = BTreeSet::new();
    files(&root, &root, &mut found);
    let libraries: BTreeSet<&str> =
        found.iter().filter(|path| path.contains(".so")).filter_map(|path| path.rsplit('/').next()).collect();
    let (loader, linked): (Vec<_>, Vec<_>) = libraries.into_iter().partition(|library| library.starts_with("ld-linux"));
    assert_eq!((loader.len(), linked), (1, vec!["libc.so.6", "libgcc_s.so.1", "libm.so.6"]));
    let rest: Vec<_> = found.iter().filter(|path| !path.contains(".so")).map(String::as_str).collect();
    let wanted = [
        "etc/nsswitch.conf",
        "etc/passwd",
        "etc/ssl/certs/ca-certificates.crt",
        "hopgate",
        "usr/share/licenses/hopgate/LICENSE",
    ];
    assert_eq!(rest, wanted);
    let mode = fs::metadata(root.join("hopgate")).expect("the program").permissions().mode();
    assert_eq!(mode & 0o7777, 0o755, "neither set-user-id nor writable");
}

#[test]
fn the_program_runs_with_nothing_but_the_image() {
    let dir = TempDir::new().expect("a directory");
    let root = root(&dir);
    let version = inside(&root, &["--version"]);
    assert!(version.status.success(), "{}", String::from_utf8_lossy(&version.stderr));
    assert_eq!(String::from_utf8_lossy(&version.stdout).trim(), concat!("hopgate ", env!("CARGO_PKG_VERSION")));
    // The default command's configuration, with the root certificates that https needs.
    let config = "listen: unix:/run/hopgate/check.sock\nissuers: [{ issuer: https://as.example.com }]\n\
                  services: [{ name: a, audience: https://a.example, routes: [{ name: a, match: { method: GET, path: / } }] }]\n";
    fs::write(root.join("etc/hopgate/hopgate.yaml"), config).expect("written");
    let checked = inside(&root, &["check", "/etc/hopgate/hopgate.yaml"]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn dockerfile_chart_and_makefile_speak_of_the_same_image() {
    let read = |file: &str| fs::read_to_string(file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let yaml = |file: &str| serde_saphyr::from_str::<Value>(&read(file)).expect("YAML");
    let (dockerfile, makefile) = (read("Dockerfile"), read("Makefile"));
    let chart = yaml("k8s/chart/hopgate/Chart.yaml");
    for version in ["version", "appVersion"] {
        assert_eq!(chart[version], env!("CARGO_PKG_VERSION"), "{version}");
    }
    assert_eq!(yaml("k8s/chart/hopgate/values.yaml")["image"]["repository"], "hopgate");
    for line in
        ["cargo auditable build --release --locked -p hopgate", "packaging/image-root.sh target/release/hopgate"]
    {
        assert!(dockerfile.contains(line) && makefile.contains(line), "`{line}` is not in both");
    }
    let helpers = read("k8s/chart/hopgate/templates/_helpers.tpl");
    assert!(dockerfile.contains("USER 65532:65532"));
    assert_eq!(helpers.matches("runAsUser: 65532").count(), helpers.matches("runAsUser").count());
    for port in ["9902", "9191"] {
        assert!(dockerfile.lines().any(|line| line.starts_with("EXPOSE") && line.contains(port)), "{port}");
    }
}
