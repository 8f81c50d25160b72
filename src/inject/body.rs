//! Bodies, read within bounds.
//!
//! The API server shows no certificate, so whoever reaches the port can send what it likes. JSON takes up to a hundred times
//! its length once it is read, and a container that is killed for its memory answers nobody: length, number of parts and how
//! many large ones there are at once are bounded. Reviews of usual pods never wait for large ones.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use bytes::BytesMut;
use http_body_util::BodyExt as _;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Largest body, bytes. etcd takes objects of 1.5 MiB, the API server of 3.
const LARGEST: usize = 4 * 1024 * 1024;
/// Up to here a body is a usual one, bytes.
const USUAL: usize = 64 * 1024;
/// Large bodies at once.
const LARGE: usize = 4;
/// Reviews looked at at once, usual and large.
const LOOKED_AT: [usize; 2] = [2, 1];
/// Most parts (members of objects, items of lists) of a body. Each takes up to 400 bytes once read.
const PARTS: usize = 50_000;

#[derive(Debug, Error)]
pub(super) enum BodyError {
    #[error("the body is over {LARGEST} bytes")]
    TooLarge,
    #[error("the body broke off: {0}")]
    BrokeOff(#[from] axum::Error),
    #[error("the body has more than {PARTS} parts")]
    TooManyParts,
    #[error("the server is ending")]
    Ending,
}

/// The places that bodies take.
#[derive(Clone)]
pub(super) struct Places {
    large: Arc<Semaphore>,
    looked_at: [Arc<Semaphore>; 2],
}

/// A whole body, and its place as long as it is looked at.
pub(super) struct Held {
    pub(super) bytes: Bytes,
    _places: [Option<OwnedSemaphorePermit>; 2],
}

impl Places {
    pub(super) fn new() -> Self {
        Self {
            large: Arc::new(Semaphore::new(LARGE)),
            looked_at: LOOKED_AT.map(|places| Arc::new(Semaphore::new(places))),
        }
    }

    /// Reads `body`, and waits for its turn.
    pub(super) async fn hold(&self, mut body: Body) -> Result<Held, BodyError> {
        let mut large = None;
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            let length = bytes.len().saturating_add(data.len());
            if length > LARGEST {
                return Err(BodyError::TooLarge);
            }
            if length > USUAL && large.is_none() {
                large = Some(place(&self.large).await?);
            }
            bytes.extend_from_slice(&data);
        }
        if has_too_many_parts(&bytes) {
            return Err(BodyError::TooManyParts);
        }
        let [usual, rare] = &self.looked_at;
        let turn = place(if large.is_some() { rare } else { usual }).await?;
        Ok(Held { bytes: bytes.freeze(), _places: [large, Some(turn)] })
    }
}

async fn place(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, BodyError> {
    Arc::clone(places).acquire_owned().await.map_err(|_| BodyError::Ending)
}

/// Counted without reading them: by what stands before each, outside of strings.
fn has_too_many_parts(bytes: &[u8]) -> bool {
    let (mut parts, mut in_string, mut is_escaped) = (0_usize, false, false);
    for byte in bytes {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            b',' | b'[' | b'{' if !in_string => parts = parts.saturating_add(1),
            _ => {}
        }
    }
    parts > PARTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_counted_outside_of_strings() {
        let list = |item: &str, items: usize| format!("[{}0]", item.repeat(items)).into_bytes();
        assert!(!has_too_many_parts(&list("0,", PARTS - 1)));
        assert!(has_too_many_parts(&list("0,", PARTS)));
        assert!(has_too_many_parts(&list(r#""\\","#, PARTS)));
        assert!(has_too_many_parts(&list(r#"{"a":0},"#, PARTS)));
        let text = format!(r#"["{}"]"#, r#"[,{\",["#.repeat(PARTS));
        assert!(!has_too_many_parts(text.as_bytes()));
    }
}
