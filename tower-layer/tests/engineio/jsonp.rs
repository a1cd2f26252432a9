//! Polling by script tags.

use crate::support::{Server, as_text};

/// Limit 32, CVE-2014-4671: of the callback only digits come back.
#[tokio::test(start_paused = true)]
async fn answers_are_scripts() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let answer = server
        .get("EIO=4&transport=polling&j=a0%3Cb%3E7&b64=1")
        .await;
    let text = answer.text();
    assert!(text.starts_with(r#"___eio[07]("0{\"sid\":\""#), "{text}");
    assert!(text.ends_with(r#"}");"#), "{text}");
    assert_eq!(answer.all("content-type"), ["text/plain; charset=UTF-8"]);
    // A browser that may not guess would not run it.
    assert!(answer.all("x-content-type-options").is_empty());
    assert_eq!(answer.all("content-length"), [text.len().to_string()]);
    let session = sessions.recv().await.unwrap();
    // What a later request says does not matter.
    let query = format!("EIO=4&transport=polling&j=9&sid={}", answer.sid());
    session.try_send("\"\\ \n \u{2028}\u{2029} €").unwrap();
    session.try_send(vec![1, 2, 3, 4]).unwrap();
    assert_eq!(
        server.get(&query).await.text(),
        "___eio[07](\"4\\\"\\\\ \\n \\u2028\\u2029 €\\u001ebAQIDBA==\");"
    );
}

/// Limit 1: the payload counts, however it is escaped.
#[tokio::test(start_paused = true)]
async fn requests_are_forms() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.max_message_size(20));
    let answer = server.get("EIO=4&transport=polling&j=0").await;
    let mut session = sessions.recv().await.unwrap();
    let query = format!("EIO=4&transport=polling&j=1&sid={}", answer.sid());
    for (form, expected) in [
        ("d=4hello", Some("hello")),
        ("d=4a+b%2Bc%E2%82%AC", Some("a b+c€")),
        ("d=4a%5Cnb", Some("a\nb")),
        ("d=4a%5C%5Cnb", Some("a\\nb")),
        // A form without a payload says nothing.
        ("", None),
        ("e=4x", None),
        // The form may be longer than what it holds.
        (
            "d=%34%61%61%61%61%61%61%61%61%61%61%61%61%61%61%61%61%61%61%61",
            Some("aaaaaaaaaaaaaaaaaaa"),
        ),
    ] {
        let answer = server.post(&query, form).await;
        assert_eq!((answer.status, &*answer.text()), (200, "ok"), "{form}");
        assert_eq!(answer.all("content-type"), ["text/html"]);
        if let Some(expected) = expected {
            assert_eq!(as_text(session.recv().await), expected);
        }
    }
    // The limit is the payload's.
    let answer = server.post(&query, format!("d=4{}", "a".repeat(20))).await;
    answer.expect_empty(413);
    let answer = server.post(&query, format!("d=4{}", "a".repeat(60))).await;
    answer.expect_empty(413);
    assert_eq!(server.post(&query, "d=4still+here").await.text(), "ok");
    assert_eq!(as_text(session.recv().await), "still here");
    // What is no payload ends the session as everywhere.
    server.post(&query, "d=x").await.expect_empty(400);
    assert_eq!(session.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn revision_3_has_its_own_payloads() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.allow_eio3(true));
    // Without `b64` too: a script cannot hold bytes.
    let answer = server.get("EIO=3&transport=polling&j=3").await;
    let mut session = sessions.recv().await.unwrap();
    let query = format!("EIO=3&transport=polling&j=3&sid={}", answer.sid());
    session.try_send(vec![1, 2, 3, 4]).unwrap();
    session.try_send("€").unwrap();
    assert_eq!(
        server.get(&query).await.text(),
        "___eio[3](\"10:b4AQIDBA==2:4€\");"
    );
    let headers = "Content-Type: application/x-www-form-urlencoded\r\n";
    let answer = server
        .ask_with("POST", &query, headers, b"d=3%3A4%E2%82%AC%E2%82%AC")
        .await;
    assert_eq!(answer.text(), "ok");
    assert_eq!(as_text(session.recv().await), "€€");
}

/// A page can keep its name to itself when it loads a script, and any page can read a script.
#[tokio::test(start_paused = true)]
async fn a_script_of_a_page_that_tells_no_name_is_refused() {
    let server = Server::echoing(|mount| mount);
    let script =
        "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: script\r\n";
    let client = server.open().await;
    let scripted = server.open_with("EIO=4&j=0").await;
    let without_j = scripted.query.replace("&j=0", "");
    for (query, status) in [
        ("EIO=4&transport=polling", 200),
        ("EIO=4&transport=polling&j=0", 403),
        ("EIO=4&transport=polling&j=", 403),
        (&scripted.query, 403),
        // The session's answers are scripts, whatever the request says.
        (&without_j, 403),
    ] {
        let answer = server.ask_with("GET", query, script, b"").await;
        assert_eq!(answer.status, status, "{query}: {}", answer.text());
    }
    // What is no script is kept from such a page by its browser.
    client.send("4hello").await;
    let answer = server.ask_with("GET", &client.query, script, b"").await;
    assert_eq!(answer.text(), "4hello");
    // A page of ours tells that it is ours.
    let own = "Sec-Fetch-Site: same-origin\r\n";
    let answer = server
        .ask_with("POST", &scripted.query, own, b"d=4hello")
        .await;
    assert_eq!(answer.text(), "ok");
    let answer = server.ask_with("GET", &without_j, own, b"").await;
    assert_eq!(answer.text(), "___eio[0](\"4hello\");");
}
