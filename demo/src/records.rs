//! What all three wrote: kept in a file for `hopgate logs`, and drawn.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use hopgate::logs::{Format, Found, Graph};

use crate::Fault;
use crate::mesh::Mesh;
use crate::sidecar;

/// From the folder of the project.
const FILE: &str = ".local/decisions.jsonl";

/// Who called whom for whom, and how to ask more of the records.
pub(crate) fn shown(mesh: &Mesh) -> Result<String, Fault> {
    let lines: Vec<_> =
        [&mesh.planner, &mesh.researcher, &mesh.invoices].iter().flat_map(|hop| hop.sidecar.lines()).collect();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name(FILE);
    fs::create_dir_all(file.with_file_name(""))?;
    fs::write(&file, lines.join("\n") + "\n")?;
    let mut graph = Graph::default();
    for found in lines.iter().filter_map(|line| Found::of(line.as_bytes())) {
        graph.add(&found.record);
    }
    let mut drawn = Vec::new();
    graph.write(&mut drawn, Format::Text)?;
    let mut text = format!("Who called whom for whom:\n{}\n", String::from_utf8(drawn)?);
    let hopgate = sidecar::binary()?;
    // Writing to a String can't fail.
    let _ = writeln!(
        text,
        "All {} records are in {FILE}. Who was refused what and why, and is the chain whole:",
        lines.len()
    );
    for command in ["summary", "verify"] {
        let _ = writeln!(text, "  {} logs {command} {FILE}", hopgate.display());
    }
    Ok(text)
}
