//! When the head of a poll's answer goes out.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    time::{Instant, sleep},
};

use crate::support::{Server, rest};

/// Begins a poll on the connection.
async fn begin(stream: &mut DuplexStream) {
    let request = b"POST /0/s/xhr HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(request).await.unwrap();
}

/// What comes next, as much as was written by then.
async fn read(stream: &mut DuplexStream) -> String {
    let mut buffer = [0; 4096];
    let length = stream.read(&mut buffer).await.unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_is_answered_within_a_moment_has_its_length_and_comes_in_one_piece() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut stream = server.connect(1 << 16);
    begin(&mut stream).await;
    let opened = read(&mut stream).await;
    assert!(opened.contains("\r\ncontent-length: 2\r\n"), "{opened}");
    assert!(opened.ends_with("\r\n\r\no\n"), "{opened}");
    let session = sessions.recv().await.unwrap();
    for milliseconds in [0, 1, 9] {
        begin(&mut stream).await;
        sleep(Duration::from_millis(milliseconds)).await;
        session.send("soon").await.unwrap();
        let answer = read(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains("\r\ncontent-length: 10\r\n"), "{answer}");
        assert!(!answer.contains("transfer-encoding"), "{answer}");
        assert!(answer.ends_with("\r\n\r\na[\"soon\"]\n"), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_waits_longer_has_its_head_before_its_frame() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    assert_eq!(server.poll("s").await, "o\n");
    let session = sessions.recv().await.unwrap();
    let mut stream = server.connect(1 << 16);
    for wait in [Duration::from_millis(20), Duration::from_secs(20)] {
        let start = Instant::now();
        begin(&mut stream).await;
        let head = read(&mut stream).await;
        let waited = start.elapsed().as_millis();
        assert!((10..=12).contains(&waited), "{waited}");
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert!(
            head.contains("\r\ntransfer-encoding: chunked\r\n"),
            "{head}"
        );
        assert!(!head.contains("content-length"), "{head}");
        assert!(head.ends_with("\r\n\r\n"), "{head}");
        sleep(wait).await;
        session.send("late").await.unwrap();
        rest().await;
        let frame = read(&mut stream).await;
        assert_eq!(frame, "A\r\na[\"late\"]\n\r\n0\r\n\r\n");
    }
}
