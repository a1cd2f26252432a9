//! Where a mount is: the slash behind its path, and what is left to the application.

use std::convert::Infallible;

use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Bytes;
use sockeye_tower::{EngineIo, engineio};
use tower::{Layer, ServiceExt};

use crate::support::echo;

async fn application<B>(_: Request<B>) -> Result<Response<Empty<Bytes>>, Infallible> {
    Ok(Response::builder().status(418).body(Empty::new()).unwrap())
}

/// socketioxide #816: `/socket.io-admin` was taken as well.
#[tokio::test(start_paused = true)]
async fn a_layer_owns_what_is_below_its_path() {
    let layer = EngineIo::new(echo).layer("/engine.io");
    let service = layer.layer(tower::service_fn(application));
    let cases = [
        ("/engine.io/?EIO=4&transport=polling", 200),
        ("/engine.io/anything/else?EIO=4&transport=polling", 200),
        ("/engine.io//?EIO=4&transport=polling", 200),
        ("/engine.io/", 400),
        ("/engine.io?EIO=4&transport=polling", 418),
        ("/engine.ioo/?EIO=4&transport=polling", 418),
        ("/?EIO=4&transport=polling", 418),
        ("/socket.io/?EIO=4&transport=polling", 418),
    ];
    for (uri, status) in cases {
        let request = Request::builder().uri(uri).header("host", "a");
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{uri}");
    }
}

#[test]
#[should_panic(expected = "transports")]
fn a_mount_without_transports_is_none() {
    let _ = EngineIo::new(echo).transports([]).service();
}

#[test]
#[should_panic(expected = "initial_packet: a text with U+001E cannot go by polling")]
fn a_first_message_that_polling_cannot_carry_is_refused() {
    let _ = EngineIo::new(echo).initial_packet("a\u{1e}b").service();
}

#[test]
fn a_first_message_that_the_transports_can_carry_is_taken() {
    let _ = EngineIo::new(echo)
        .initial_packet("a\u{1e}b")
        .transports([engineio::Transport::WebSocket])
        .service();
    let _ = EngineIo::new(echo)
        .initial_packet(b"a\x1eb".to_vec())
        .service();
}
