//! What is mounted where, on every stack alike.

use sockeye::{CookieHook, Handle, Origins, SockJs};

use crate::{
    apps::{App, Members},
    options::Options,
};

/// A path and what is mounted there.
pub(crate) type Mount = (&'static str, SockJs<App>);

/// All SockJS mounts.
pub(crate) fn sockjs(options: &Options, handle: &Handle) -> [Mount; 8] {
    let mount = |app| {
        let origins = match &options.allowed_origins {
            Some(origins) => Origins::from(origins.clone()),
            None => Origins::Any,
        };
        SockJs::new(app)
            .heartbeat_interval(options.heartbeat)
            .disconnect_delay(options.disconnect)
            .allowed_origins(origins)
            .sockjs_url(&options.sockjs_url)
            .max_message_size(8 * 1024 * 1024)
            .handle(handle)
    };
    let echo = || mount(App::Echo).response_limit(4096);
    [
        ("/echo", echo()),
        ("/disabled_websocket_echo", echo().websocket(false)),
        (
            "/cookie_needed_echo",
            echo().cookie(CookieHook::jsessionid()),
        ),
        ("/close", mount(App::Close)),
        ("/amplify", mount(App::Amplify)),
        ("/broadcast", mount(App::Broadcast(Members::default()))),
        ("/ticker", mount(App::Ticker)),
        ("/multiplex", mount(App::multiplex())),
    ]
}
