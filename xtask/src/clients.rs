//! The tests with real clients: sockjs-client, engine.io-client and socket.io-client in Node and in Chromium, and the
//! pages of the examples.

use std::process::Command;

use crate::{cargo, command, install, programs, root, run};

const FOLDER: &str = "tests/clients";

/// Installs and builds what the tests need, and gives the command that runs them.
///
/// # Errors
///
/// When something is missing that cannot be installed, or a program does not build.
pub(crate) fn prepare() -> Result<Command, String> {
    for folder in [
        FOLDER,
        "examples/chat",
        "examples/multiplex",
        "examples/notifier",
        "examples/private-messaging",
        "examples/rooms",
        "examples/tls",
        "examples/upload",
    ] {
        install::scripts(folder)?;
    }
    let browser = install::browser()?;
    let mut build = cargo();
    run::plain(build.args([
        "build",
        "--package",
        "conformance",
        "--package",
        "example-chat",
        "--package",
        "example-multiplex",
        "--package",
        "example-notifier",
        "--package",
        "example-private-messaging",
        "--package",
        "example-rooms",
        "--package",
        "example-tls",
        "--package",
        "example-upload",
    ]))?;

    let program = |name: &str| programs().join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let mut tests = command("npm");
    tests
        .args(["run", "--silent", "test"])
        .current_dir(root().join(FOLDER))
        .env("CHROMIUM", browser)
        .env("CONFORMANCE_SERVER", program("conformance"))
        .env("CHAT_SERVER", program("example-chat"))
        .env("MULTIPLEX_SERVER", program("example-multiplex"))
        .env("NOTIFIER_SERVER", program("example-notifier"))
        .env(
            "PRIVATE_MESSAGING_SERVER",
            program("example-private-messaging"),
        )
        .env("UPLOAD_SERVER", program("example-upload"))
        .env("ROOMS_SERVER", program("example-rooms"))
        .env("TLS_SERVER", program("example-tls"));
    Ok(tests)
}
