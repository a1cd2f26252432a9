//! What is mounted where, on every stack alike.

use std::time::Duration;

use sockeye::{CookieHook, EngineIo, Handle, Origins, SockJs, SocketIo, engineio::Cors};

use crate::{
    apps::{App, Members},
    options::Options,
    socketio,
};

/// Every mount, under its path.
pub(crate) struct Mounts {
    pub(crate) sockjs: [(&'static str, SockJs<App>); 8],
    pub(crate) engineio: [(&'static str, EngineIo<App>); 2],
    pub(crate) socketio: [(&'static str, SocketIo); 9],
}

/// All that the options ask for.
pub(crate) fn all(options: &Options, handle: &Handle) -> Mounts {
    Mounts {
        sockjs: sockjs(options, handle),
        engineio: engineio(options, handle),
        socketio: socketio::all(options, handle),
    }
}

fn sockjs(options: &Options, handle: &Handle) -> [(&'static str, SockJs<App>); 8] {
    let mount = |app| {
        SockJs::new(app)
            .heartbeat_interval(options.heartbeat)
            .disconnect_delay(options.disconnect)
            .allowed_origins(origins(options))
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

fn engineio(options: &Options, handle: &Handle) -> [(&'static str, EngineIo<App>); 2] {
    let mount = || {
        EngineIo::new(App::Echo)
            .allowed_origins(origins(options))
            .handle(handle)
    };
    let mut modern = mount()
        .ping_interval(options.ping_interval)
        .ping_timeout(options.ping_timeout)
        .cors(Cors::any());
    if options.permissive {
        modern = modern
            .allow_eio3(true)
            .cors(Cors::reflected().credentials(true))
            .max_message_size(10_000_000);
    }
    let five_seconds = Duration::from_secs(5);
    let legacy = mount()
        .ping_interval(five_seconds)
        .ping_timeout(five_seconds)
        .allow_eio3(true);
    [("/engine.io", modern), ("/legacy-engine.io", legacy)]
}

/// Whose pages may use the mounts.
pub(crate) fn origins(options: &Options) -> Origins {
    match &options.allowed_origins {
        Some(origins) => Origins::from(origins.clone()),
        None => Origins::Any,
    }
}
