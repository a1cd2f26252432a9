//! One upload: from its announcement to its checksum.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::{
    fs::File,
    io::AsyncWriteExt,
    sync::{OwnedSemaphorePermit, Semaphore},
};

/// Bytes of one file.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// Uploads at a time, of all clients: what they may fill is this times a file's limit.
const MAX_UPLOADS: usize = 16;

#[derive(Deserialize)]
pub(crate) struct Begin {
    size: u64,
}

/// The answer to each step.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Answer {
    /// So many bytes are written.
    Written(u64),
    /// The whole file is; this is its SHA-256, in hexadecimal.
    Done(String),
    /// It is over, and why.
    Refused(String),
}

/// Where files go.
#[derive(Clone)]
pub(crate) struct Disk {
    places: Arc<Semaphore>,
    delay: Duration,
}

/// The upload of one socket, if there is one.
#[derive(Clone, Default)]
pub(crate) struct Slot(Arc<Mutex<Option<Upload>>>);

struct Upload {
    /// It has no name, and is gone when it is closed. A real program would give it one at the end.
    file: File,
    digest: Sha256,
    size: u64,
    written: u64,
    _place: OwnedSemaphorePermit,
}

impl Disk {
    /// One that needs so much more for each chunk.
    pub(crate) fn new(delay: Duration) -> Self {
        Self {
            places: Arc::new(Semaphore::new(MAX_UPLOADS)),
            delay,
        }
    }
}

impl Slot {
    /// Announced before anything is sent, so that what is too large costs nothing.
    pub(crate) async fn begin(&self, disk: &Disk, begin: Begin) -> Answer {
        // Another one that was under way is given up.
        drop(self.take());
        if begin.size > MAX_FILE {
            return Answer::Refused(format!("{MAX_FILE} bytes are the most"));
        }
        let Ok(place) = disk.places.clone().try_acquire_owned() else {
            return Answer::Refused("too many uploads at a time, try again later".into());
        };
        let opened = tokio::task::spawn_blocking(tempfile::tempfile).await;
        let file = match opened.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(file) => file,
            Err(error) => return broken(&error),
        };
        self.put(Upload {
            file: File::from_std(file),
            digest: Sha256::new(),
            size: begin.size,
            written: 0,
            _place: place,
        });
        Answer::Written(0)
    }

    /// The namespace is sequential: nobody else wants the upload while it is out of its place.
    pub(crate) async fn write(&self, disk: &Disk, bytes: &[u8]) -> Answer {
        let Some(mut upload) = self.take() else {
            return Answer::Refused("nothing is being uploaded".into());
        };
        let written = upload.written + bytes.len() as u64;
        // What was announced is what was allowed.
        if written > upload.size {
            return Answer::Refused("there is more than was announced".into());
        }
        if !disk.delay.is_zero() {
            tokio::time::sleep(disk.delay).await;
        }
        if let Err(error) = upload.file.write_all(bytes).await {
            return broken(&error);
        }
        upload.digest.update(bytes);
        upload.written = written;
        self.put(upload);
        Answer::Written(written)
    }

    pub(crate) async fn finish(&self) -> Answer {
        let Some(mut upload) = self.take() else {
            return Answer::Refused("nothing is being uploaded".into());
        };
        if upload.written < upload.size {
            return Answer::Refused("there is less than was announced".into());
        }
        if let Err(error) = upload.file.flush().await {
            return broken(&error);
        }
        let digest = upload.digest.finalize();
        Answer::Done(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn take(&self) -> Option<Upload> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.take()
    }

    fn put(&self, upload: Upload) {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = Some(upload);
    }
}

/// The details are for whoever runs the server.
fn broken(error: &io::Error) -> Answer {
    eprintln!("upload: {error}");
    Answer::Refused("it cannot be written".into())
}
