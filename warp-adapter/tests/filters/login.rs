//! A login over an ordinary warp route is known to the hook on every transport.

use http::{Request, StatusCode};
use sockeye_tower::{Accept, ConnectRequest, Reject, Session, SockJs, Transport, test::Client};
use warp::{Filter, reply};

struct User(String);

async fn admit(request: &ConnectRequest) -> Result<Accept, Reject> {
    let name = request.cookie("user").ok_or(Reject::status(401))?;
    Ok(Accept::new().data(User(name.into())))
}

async fn greet(session: Session) {
    let name = session.data::<User>().map(|user| user.0.clone());
    session.send(format!("hello {name:?}")).await.unwrap();
    std::future::pending().await
}

/// A browser without cookies, of an app with a login route and a mount beside it.
fn browser() -> Client {
    let log_in = warp::path!("login" / String).and(warp::post()).map(|name| {
        let cookie = format!("user={name}; Path=/; HttpOnly; SameSite=Lax");
        reply::with_header(StatusCode::NO_CONTENT, "set-cookie", cookie)
    });
    let live = warp::path("live").and(sockeye_warp::sockjs(SockJs::new(greet).on_connect(admit)));
    Client::new(warp::service(log_in.or(live)))
}

async fn log_in(browser: &Client, name: &str) {
    let request = Request::post(format!("/login/{name}")).body("").unwrap();
    let answer = browser.request(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
}

#[tokio::test(start_paused = true)]
async fn who_logged_in_over_a_warp_route_is_known_on_every_transport() {
    for browser in [browser(), browser().http2()] {
        for transport in Transport::SOCKJS {
            let refused = browser.session("/live").transport(transport);
            let refused = refused.expect_refused().await;
            assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{transport}");
        }
        for name in ["ann", "bob"] {
            log_in(&browser, name).await;
            for transport in Transport::SOCKJS {
                let session = browser.session("/live").transport(transport).open().await;
                let greeting = session.unwrap().recv().await;
                let expected = format!("hello Some({name:?})");
                assert_eq!(greeting, Ok(expected.into()), "{transport}");
            }
        }
    }
}
