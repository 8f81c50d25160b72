//! The decisions of a running hopgate, as a reader of lines.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::pin::pin;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use futures_util::StreamExt as _;

use crate::audit::Followed;
use crate::watch::{Address, follow};

/// Lines between the connection and whoever reads them. Beyond it, the other end counts what is missed.
const BACKLOG: usize = 16;

type Line = io::Result<Vec<u8>>;

/// Reads what happens until the other end goes away, which is an error, or until an interrupt, which is the end.
pub(super) struct Live {
    lines: Receiver<Line>,
    rest: VecDeque<u8>,
}

impl Live {
    /// # Errors
    /// There is no thread to be had.
    pub(super) fn new(address: Address) -> io::Result<Self> {
        let (sender, lines) = sync_channel(BACKLOG);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name("live".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = forward(&address, &sender) => {}
                    _ = tokio::signal::ctrl_c() => {}
                }
            });
        })?;
        Ok(Self { lines, rest: VecDeque::new() })
    }
}

impl Read for Live {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty()
            && let Ok(line) = self.lines.recv()
        {
            self.rest = line?.into();
        }
        self.rest.read(into)
    }
}

async fn forward(address: &Address, lines: &SyncSender<Line>) {
    let followed = match follow(address).await {
        Ok(followed) => followed,
        Err(error) => return say(lines, io::Error::other(error)),
    };
    let mut followed = pin!(followed);
    while let Some(followed) = followed.next().await {
        match followed {
            Ok(Followed::Line(line)) => {
                // Waits for whoever reads; gone, it is over.
                if lines.send(Ok([&line, b"\n".as_slice()].concat())).is_err() {
                    return;
                }
            }
            Ok(Followed::Missed(count)) => eprintln!("hopgate: {count} line(s) went by too fast and are missing here"),
            Err(error) => return say(lines, io::Error::other(error)),
        }
    }
    say(lines, io::Error::other("it has ended"));
}

fn say(lines: &SyncSender<Line>, error: io::Error) {
    // Nobody reads: it is over anyway.
    let _ = lines.send(Err(error));
}
