//! What a compressing layer does to streams, and what keeps it from them.

use std::io::Write;

use flate2::write::GzDecoder;
use http::{StatusCode, header};
use http_body_util::BodyExt;
use sockeye_tower::may_compress;
use tokio::time::timeout;
use tower_http::compression::{CompressionLayer, DefaultPredicate, Predicate};

use crate::support::{Host, PLAIN, Receiving, echoing, get, receiver, secs};

fn with_predicate() -> CompressionLayer<impl Predicate> {
    CompressionLayer::new().compress_when(DefaultPredicate::new().and(may_compress))
}

/// The `Content-Encoding` of a first answer.
async fn encoding(host: &Host, endpoint: &str) -> Option<String> {
    let response = host.ask(receiver(endpoint)).await;
    assert_eq!(
        response.status(),
        StatusCode::OK,
        "{} {endpoint}",
        host.name
    );
    let encoding = response.headers().get(header::CONTENT_ENCODING);
    let encoding = encoding.map(|value| value.to_str().unwrap().to_owned());
    drop(response);
    // The next receiver begins a session of its own.
    tokio::time::sleep(secs(6)).await;
    encoding
}

#[tokio::test(start_paused = true)]
async fn without_the_predicate_all_streams_but_eventsource_are_compressed() {
    let [one, two] = around!(echoing(), CompressionLayer::new());
    let [three, four] = around!(echoing(), with_predicate());
    for (hosts, expected) in [([one, two], Some("gzip")), ([three, four], None)] {
        for host in &hosts {
            for endpoint in ["xhr_streaming", "htmlfile"] {
                let encoding = encoding(host, endpoint).await;
                assert_eq!(encoding.as_deref(), expected, "{} {endpoint}", host.name);
            }
            assert_eq!(encoding(host, "eventsource").await, None, "{}", host.name);
            // A poll that waits has no length by which the layer could tell that it is short.
            for endpoint in ["xhr", "jsonp"] {
                drop(host.receive(endpoint).await.rest().await);
                let encoding = encoding(host, endpoint).await;
                assert_eq!(encoding.as_deref(), expected, "{} {endpoint}", host.name);
            }
        }
    }
}

/// async-compression gives out what it has when no more is ready, from 0.4.40 on.
#[tokio::test(start_paused = true)]
async fn a_compressed_htmlfile_frame_comes_at_once_with_the_encoder_of_our_lock_file() {
    for host in around!(echoing(), CompressionLayer::new()) {
        let mut response = host.ask(receiver("htmlfile")).await;
        assert_eq!(response.headers()[header::CONTENT_ENCODING], "gzip");
        let mut decoder = GzDecoder::new(Vec::new());
        for (message, end) in [("", "p(\"o\");"), ("[\"one\"]", "p(\"a[\\\"one\\\"]\");")] {
            if !message.is_empty() {
                assert_eq!(host.send(message).await, StatusCode::NO_CONTENT);
            }
            let end = format!("{end}\n</script>\r\n");
            let comes = timeout(secs(1), async {
                while !decoder.get_ref().ends_with(end.as_bytes()) {
                    let frame = response.body_mut().frame().await.unwrap().unwrap();
                    decoder.write_all(&frame.into_data().unwrap()).unwrap();
                    decoder.flush().unwrap();
                }
            });
            comes.await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn with_the_predicate_what_never_changes_is_compressed_still() {
    for host in around!(echoing(), with_predicate()) {
        let name = host.name;
        let plain = host.ask(get("/plain")).await;
        assert_eq!(plain.headers()[header::CONTENT_ENCODING], "gzip", "{name}");
        assert_eq!(decoded(plain).await, PLAIN, "{name}");

        let page = host.ask(get("/chat/iframe.html")).await;
        assert_eq!(page.headers()[header::CONTENT_ENCODING], "gzip", "{name}");
        assert_eq!(page.headers()[header::VARY], "accept-encoding", "{name}");
        let tag = page.headers()[header::ETAG].clone();
        let page = decoded(page).await;
        assert!(page.starts_with("<!DOCTYPE html>"), "{name} {page}");
        // Both encodings carry one tag, and either is revalidated by it.
        let mut bare = get("/chat/iframe.html");
        bare.headers_mut().remove(header::ACCEPT_ENCODING);
        let bare = host.ask(bare).await;
        assert_eq!(bare.headers().get(header::CONTENT_ENCODING), None, "{name}");
        assert_eq!(bare.headers()[header::VARY], "accept-encoding", "{name}");
        assert_eq!(bare.headers()[header::ETAG], tag, "{name}");
        assert_eq!(Receiving::new(bare).rest().await, page, "{name}");
        let mut again = get("/chat/iframe.html");
        again.headers_mut().insert(header::IF_NONE_MATCH, tag);
        let again = host.ask(again).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{name}");
        assert_eq!(
            again.headers().get(header::CONTENT_ENCODING),
            None,
            "{name}"
        );

        // Too short, and not to be transformed.
        for path in ["/chat", "/chat/info"] {
            let response = host.ask(get(path)).await;
            assert_eq!(
                response.headers().get(header::CONTENT_ENCODING),
                None,
                "{name} {path}"
            );
        }
    }
}

async fn decoded(response: http::Response<hyper::body::Incoming>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let mut decoder = GzDecoder::new(Vec::new());
    decoder.write_all(&body).unwrap();
    String::from_utf8(decoder.finish().unwrap()).unwrap()
}
