//! What the request's extensions bring.

use std::net::SocketAddr;

use sockeye_tower::PeerAddress;
use sockeye_warp::{extension, sockjs};
use warp::Filter;

use crate::support::{ask, handing_over, post, serves};

#[derive(Clone, Debug, PartialEq, Eq)]
struct Login(&'static str);
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tenant(u32);

#[tokio::test(start_paused = true)]
async fn types_that_were_named_are_handed_on() {
    let (handler, mut sessions) = handing_over();
    let mount = extension::<Login>().extension::<Tenant>().sockjs(handler);
    let app = warp::service(warp::path("chat").and(mount));
    let mut request = post("/chat/0/one/xhr", "");
    request.extensions_mut().insert(Login("ann"));
    request.extensions_mut().insert(Tenant(7));
    ask(&app, request).await;
    let session = sessions.recv().await.unwrap();
    assert_eq!(session.request().extension(), Some(&Login("ann")));
    assert_eq!(session.request().extension(), Some(&Tenant(7)));

    // A request without them is served all the same.
    ask(&app, post("/chat/0/two/xhr", "")).await;
    let session = sessions.recv().await.unwrap();
    assert_eq!(session.request().extension::<Login>(), None);
    assert_eq!(session.request().extension::<Tenant>(), None);
}

#[tokio::test(start_paused = true)]
async fn types_that_were_not_named_are_not() {
    let (handler, mut sessions) = handing_over();
    let app = warp::service(warp::path("chat").and(extension::<Tenant>().sockjs(handler)));
    let mut request = post("/chat/0/one/xhr", "");
    request.extensions_mut().insert(Login("ann"));
    ask(&app, request).await;
    let session = sessions.recv().await.unwrap();
    assert_eq!(session.request().extension::<Login>(), None);
}

#[tokio::test(start_paused = true)]
async fn the_builder_takes_any_service() {
    let mount = sockeye_tower::SockJs::new(crate::support::echo);
    let filter = extension::<Login>().service(mount.service());
    serves(&warp::service(warp::path("chat").and(filter)), "/chat").await;
}

#[tokio::test(start_paused = true)]
async fn an_address_that_is_there_already_is_handed_on() {
    let (handler, mut sessions) = handing_over();
    let app = warp::service(warp::path("chat").and(sockjs(handler)));
    let address: SocketAddr = "10.0.0.1:4000".parse().unwrap();
    let mut request = post("/chat/0/one/xhr", "");
    request.extensions_mut().insert(PeerAddress(address));
    ask(&app, request).await;
    let session = sessions.recv().await.unwrap();
    assert_eq!(session.request().peer_address(), Some(address));

    ask(&app, post("/chat/0/two/xhr", "")).await;
    let session = sessions.recv().await.unwrap();
    assert_eq!(session.request().peer_address(), None);
}
