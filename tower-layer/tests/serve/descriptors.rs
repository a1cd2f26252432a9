//! A process that has no descriptor left.

use crate::client::Server;
use std::{fs::File, process::Command, time::Duration};

const IN_CHILD: &str = "SOCKEYE_TEST_WITH_FEW_DESCRIPTORS";

/// Runs itself once more in a process of its own with a small limit, which other tests in this
/// one must not feel.
#[test]
fn a_server_without_descriptors_pauses_and_goes_on_when_one_is_free() {
    if std::env::var_os(IN_CHILD).is_some() {
        return child();
    }
    let name = "descriptors::a_server_without_descriptors_pauses_and_goes_on_when_one_is_free";
    let output = Command::new("sh")
        .args(["-c", r#"ulimit -n 48 && exec "$0" "$@""#])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(IN_CHILD, "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(told.contains("1 passed"), "the name above is wrong: {told}");
}

#[tokio::main(flavor = "current_thread")]
async fn child() {
    let server = Server::start(|serve| serve).await;
    let mut before = server.connect().await;
    before.get("/before").await;
    assert_eq!(before.answer().await.body, "/before");

    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
    }
    assert!(
        !files.is_empty() && files.len() < 48,
        "the limit is not in force"
    );
    files.pop();
    // Takes the last descriptor; the kernel completes it without the server.
    let mut waiting = server.connect().await;
    waiting.get("/waiting").await;
    let mut byte = [0; 1];
    // Lets the server fail a few times; it can't succeed at any speed.
    tokio::time::timeout(Duration::from_millis(300), waiting.stream.peek(&mut byte))
        .await
        .expect_err("nobody can have answered");
    assert!(!server.task.is_finished());
    before.get("/still-here").await;
    assert_eq!(before.answer().await.body, "/still-here");

    drop(files);
    assert_eq!(waiting.answer().await.body, "/waiting");
    let mut after = server.connect().await;
    after.get("/after").await;
    assert_eq!(after.answer().await.body, "/after");
}
