//! The browser's client, served beside its sessions.

// clippy.toml allows it in tests, which to clippy are functions with `#[test]`, not their helpers.
#![allow(clippy::unwrap_used)]

use std::{fs, io, path::PathBuf};

use sockeye_socketio::{Socket, SocketIo};
use sockeye_tower::test::Client;

/// A folder of the test's own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[&str]) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        for file in files {
            fs::write(path.join(file), format!("// {file}")).unwrap();
        }
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_folders_scripts_and_maps_are_served_and_sessions_as_well() {
    let names = [
        "socket.io.js",
        "socket.io.js.map",
        "socket.io.min.js",
        "socket.io.esm.min.js",
    ];
    let folder = Folder::new("whole", &[&names[..], &["package.json"]].concat());
    let io = SocketIo::builder().client_files(&folder.0).unwrap().build();
    // They are in memory.
    drop(folder);
    io.of("/")
        .on_connect(async |socket: Socket| socket.emit("welcome", &()).await);
    let client = Client::new(io.service());
    for name in names {
        let answer = client.get(&format!("/{name}")).await.unwrap();
        assert_eq!(answer.text(), format!("// {name}"));
        let content_type = if name.ends_with(".map") {
            "application/json; charset=utf-8"
        } else {
            "application/javascript; charset=utf-8"
        };
        assert_eq!(answer.header("content-type"), Some(content_type), "{name}");
    }
    // What is in the folder beside them is nobody's business, and what is not is not there.
    for name in ["package.json", "socket.io.msgpack.min.js"] {
        let answer = client.get(&format!("/{name}")).await.unwrap();
        assert_eq!(answer.status(), 400, "{name}");
    }
    let session = client.engineio("/").open().await.unwrap();
    session.send("0").await.unwrap();
    assert!(
        session
            .recv()
            .await
            .unwrap()
            .as_text()
            .unwrap()
            .starts_with("0{\"sid\":")
    );
    assert_eq!(session.recv().await, Ok("2[\"welcome\"]".into()));
}

#[test]
fn another_folder_than_was_meant_is_an_error_that_names_the_file() {
    let folder = Folder::new("half", &["socket.io.js"]);
    for (path, missing) in [
        (folder.0.clone(), "socket.io.min.js"),
        (folder.0.join("nowhere"), "socket.io.js"),
    ] {
        let error = SocketIo::builder().client_files(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        let named = format!("cannot read {}", path.join(missing).display());
        assert!(error.to_string().contains(&named), "{error}");
    }
}
