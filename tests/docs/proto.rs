//! What `src/watch/pb` holds is what `proto/` says.

use std::fs;
use std::path::Path;

use prost_reflect::prost::Message as _;

const FILES: [&str; 2] = ["hopgate/decision/v1/decision.proto", "hopgate/decision/v1/decision_service.proto"];
const MADE: &str = "src/watch/pb";

/// `INSTA_UPDATE=always cargo test --test docs` writes it anew, as with snapshots.
#[test]
fn the_code_of_the_decision_stream_is_made_from_the_schema() {
    let set = protox::compile(FILES, ["proto"]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    tonic_prost_build::configure().out_dir(folder.path()).compile_fds(set.clone()).unwrap();
    let code = fs::read(folder.path().join("hopgate.decision.v1.rs")).unwrap();
    let mut bare = set;
    for file in &mut bare.file {
        // Comments are in the code; the program needs none.
        file.source_code_info = None;
    }
    let made = [("hopgate.decision.v1.rs", code), ("descriptors.bin", bare.encode_to_vec())];
    for (name, wanted) in made {
        let path = Path::new(MADE).join(name);
        if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
            fs::write(&path, &wanted).unwrap();
        }
        assert!(
            fs::read(&path).unwrap() == wanted,
            "{} is not of `proto/`: run with INSTA_UPDATE=always",
            path.display()
        );
    }
}
