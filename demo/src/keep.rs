//! `--keep`: everything stays up, and here is how to call it by hand.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::Fault;
use crate::decision::Decision;
use crate::mesh::Mesh;
use crate::names::{ALICE, CONSENT, Workload};
use crate::report::short;
use crate::sidecar;

const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Addresses, and commands that can be pasted.
pub(crate) fn instructions(mesh: &Mesh) -> Result<String, Fault> {
    let issuer = mesh.issuer.identifier();
    let certs = mesh.folder.path("certs");
    let hopgate = sidecar::binary()?;
    let curl = |workload: Workload| {
        let (dir, name) = (certs.display(), workload.name());
        format!("curl -s --cacert {dir}/ca.pem --cert {dir}/{name}.pem --key {dir}/{name}-key.pem")
    };
    // Writing to a String can't fail.
    let mut text = format!("issuer      {issuer}\n");
    for (name, hop) in [("planner", &mesh.planner), ("researcher", &mesh.researcher), ("invoices", &mesh.invoices)] {
        let _ = writeln!(
            text,
            "{name:<11} https://{}  live page http://{}  metrics http://{}/metrics  Envoy http://{}  config {}",
            hop.address,
            hop.sidecar.watch,
            hop.sidecar.admin,
            hop.envoy.admin(),
            hop.sidecar.config.display(),
        );
    }
    if let Some(raw) = mesh.invoices.raw {
        let _ = writeln!(text, "            https://{raw}  invoices again, its Envoy careless with paths and bodies");
    }
    let _ = write!(
        text,
        r#"
# The chain: a token of alice's from the issuer, and a call as the console.
token=$(curl -s {issuer}/user-token -d sub={ALICE} -d client_id=console -d audience={planner_audience} \
  --data-urlencode 'scope={CONSENT}' | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
{as_console} -X POST -H "authorization: Bearer $token" https://{planner}/plan

# invoices alone, with a token of your own making; change it and see.
token=$({hopgate} dev mint --key {key} --issuer {issuer} --sub {ALICE} --aud {invoices_audience} \
  --actor researcher --actor planner --client-id researcher --scope invoices:read)
{as_researcher} -i -H "authorization: Bearer $token" https://{invoices}/invoices

# The same token, stolen by the planner.
{as_planner} -i -H "authorization: Bearer $token" https://{invoices}/invoices

# A tool of invoices by MCP, and why another one is refused.
call() {{ printf '{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"%s","arguments":{{}}}}}}' "$1"; }}
{as_researcher} -i -H "authorization: Bearer $token" -H 'mcp-protocol-version: 2025-11-25' \
  -H 'content-type: application/json' -d "$(call search_invoices)" https://{invoices}/mcp
{hopgate} explain --config {config} --method POST --path /mcp --body "$(call add_note)" --token "$token" \
  --header 'mcp-protocol-version: 2025-11-25' --header 'content-type: application/json' --peer {researcher}

# The kill switch: within a second the researcher's call is refused too. `revoked: []` lets it pass again.
echo 'revoked: [{{ actor: planner }}]' > {revoked}

# What invoices says of itself to whoever is in the mesh: where its tokens come from.
{as_researcher} https://{invoices}/.well-known/oauth-protected-resource

# What was decided at invoices so far and is from now on, in words; the live page shows the same.
{hopgate} logs --from {watch}

# A configuration may be changed while this runs: what is good is taken at once.
{hopgate} check {config}
"#,
        planner_audience = Workload::Planner.audience(),
        invoices_audience = Workload::Invoices.audience(),
        as_console = curl(Workload::Console),
        as_researcher = curl(Workload::Researcher),
        as_planner = curl(Workload::Planner),
        planner = mesh.planner.address,
        invoices = mesh.invoices.address,
        researcher = Workload::Researcher.spiffe(),
        hopgate = hopgate.display(),
        key = mesh.folder.path("issuer-key.json").display(),
        revoked = mesh.folder.revoked().display(),
        config = mesh.invoices.sidecar.config.display(),
        watch = mesh.invoices.sidecar.watch,
    );
    Ok(text)
}

/// Prints each new decision, for ever.
pub(crate) async fn follow(mesh: &Mesh, whole: bool) {
    let hops = [("planner", &mesh.planner), ("researcher", &mesh.researcher), ("invoices", &mesh.invoices)];
    let mut shown: HashMap<&str, usize> = hops.iter().map(|(name, hop)| (*name, hop.sidecar.lines().len())).collect();
    loop {
        for (name, hop) in hops {
            let lines = hop.sidecar.lines();
            let shown = shown.entry(name).or_default();
            for line in lines.iter().skip(*shown) {
                let decision = Decision::parse(line.clone()).ok().filter(|_| !whole);
                anstream::println!("{name:>10}  {}", decision.as_ref().map_or_else(|| line.clone(), short));
            }
            *shown = lines.len();
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
