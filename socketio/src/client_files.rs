//! The browser's client, served beside the sessions it speaks to.

use std::{io, path::Path};

use sockeye_tower::StaticFile;

use crate::Builder;

/// What Node's server serves, and the client's package has in its `dist`.
const SCRIPTS: [&str; 4] = [
    "socket.io.js",
    "socket.io.min.js",
    "socket.io.esm.min.js",
    "socket.io.msgpack.min.js",
];

/// Those that a folder must have: without them it is another folder than was meant.
const REQUIRED: usize = 2;

impl Builder {
    /// Serves the browser's client from a folder: `dist` of the npm package `socket.io-client`.
    ///
    /// Pages then load `/socket.io/socket.io.js`, as from Node's server; `socket.io.min.js`,
    /// `socket.io.esm.min.js`, `socket.io.msgpack.min.js` and the four's `.map` are there as well, as
    /// far as the folder has them. Files are read now, and kept in memory; they are served as
    /// [`EngineIo::file`](sockeye_tower::EngineIo::file) says, with their `ETag`.
    ///
    /// Default: none is served.
    ///
    /// # Errors
    ///
    /// When `socket.io.js` or `socket.io.min.js` is missing, or a file cannot be read; the message
    /// names it.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use sockeye_socketio::SocketIo;
    ///
    /// let io = SocketIo::builder()
    ///     .client_files("node_modules/socket.io-client/dist")?
    ///     .build();
    /// # let _ = io;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn client_files(self, folder: impl AsRef<Path>) -> io::Result<Self> {
        let files = read(folder.as_ref())?;
        Ok(self.engine_io(move |engine| {
            let files = files.iter();
            files.fold(engine, |engine, (name, file)| {
                engine.file(name, file.clone())
            })
        }))
    }
}

fn read(folder: &Path) -> io::Result<Vec<(String, StaticFile)>> {
    const SCRIPT: &str = "application/javascript; charset=utf-8";
    const MAP: &str = "application/json; charset=utf-8";
    let mut files = Vec::new();
    for (index, script) in SCRIPTS.into_iter().enumerate() {
        let map = format!("{script}.map");
        let is_required = index < REQUIRED;
        for (name, content_type, is_required) in
            [(script.to_owned(), SCRIPT, is_required), (map, MAP, false)]
        {
            let path = folder.join(&name);
            match std::fs::read(&path) {
                Ok(body) => files.push((name, StaticFile::new(body, content_type))),
                Err(error) if error.kind() == io::ErrorKind::NotFound && !is_required => {}
                Err(error) => {
                    let message = format!("client_files: cannot read {}: {error}", path.display());
                    return Err(io::Error::new(error.kind(), message));
                }
            }
        }
    }
    Ok(files)
}
