//! Where a mount is: the slash behind its path, and what is left to the application.

use std::convert::Infallible;

use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Bytes;
use sockeye_tower::EngineIo;
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
