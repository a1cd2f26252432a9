//! The Socket.IO mounts and their options.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};
use sockeye::{
    Accept, ConnectRequest, CookieHook, EngineIo, Handle, Reject, SameSite, SocketIo,
    engineio::{Cors, Transport},
    socketio::{Builder, MsgpackParser, Recovery, Runner},
};

use super::{application, journal::Journal};
use crate::{mounts::origins, options::Options};

type Engine = EngineIo<Runner>;

/// Every mount, under its path.
pub(crate) fn all(options: &Options, handle: &Handle) -> [(&'static str, SocketIo); 9] {
    let mount = |builder: Builder| {
        let journal = Journal::default();
        let (told, handle, origins) = (journal.clone(), handle.clone(), origins(options));
        let builder = builder.engine_io(move |engine| {
            let told = told.clone();
            engine
                .handle(&handle)
                .allowed_origins(origins.clone())
                .on_connection_error(move |_, error| told.refused(error))
        });
        application(builder, journal, &options.node_id)
    };
    // Five seconds for both timers, and something more.
    let steady = |configure: fn(Engine) -> Engine| {
        SocketIo::builder().engine_io(move |engine| {
            let five_seconds = Duration::from_secs(5);
            configure(
                engine
                    .ping_interval(five_seconds)
                    .ping_timeout(five_seconds),
            )
        })
    };
    let recovery = Recovery::new()
        .max_disconnection(Duration::from_secs(3))
        .skip_middlewares(true);
    [
        ("/socket.io", mount(modern(options))),
        (
            "/legacy.io",
            mount(steady(|engine| engine.allow_eio3(true))),
        ),
        ("/fastping.io", mount(fast())),
        (
            "/recovery.io",
            mount(steady(|engine| engine).recovery(recovery)),
        ),
        (
            "/msgpack.io",
            mount(steady(|engine| engine).parser(MsgpackParser)),
        ),
        ("/options.io", mount(particular())),
        (
            "/wsonly.io",
            mount(steady(|engine| engine.transports([Transport::WebSocket]))),
        ),
        (
            "/pollonly.io",
            mount(steady(|engine| engine.transports([Transport::Polling]))),
        ),
        (
            "/noupgrade.io",
            mount(steady(|engine| engine.allow_upgrades(false))),
        ),
    ]
}

/// What the command line says, for clients of today or, if it is permissive, for any.
fn modern(options: &Options) -> Builder {
    let (interval, timeout) = (options.ping_interval, options.ping_timeout);
    let is_permissive = options.permissive;
    SocketIo::builder().engine_io(move |engine| {
        let engine = engine.ping_interval(interval).ping_timeout(timeout);
        if is_permissive {
            engine
                .allow_eio3(true)
                .cors(Cors::reflected().credentials(true))
                .max_message_size(10_000_000)
        } else {
            engine.cors(Cors::any())
        }
    })
}

fn fast() -> Builder {
    SocketIo::builder().engine_io(|engine| {
        engine
            .ping_interval(Duration::from_millis(300))
            .ping_timeout(Duration::from_millis(200))
            .allow_eio3(true)
    })
}

/// The mount whose options all differ from the defaults.
fn particular() -> Builder {
    let cors = || {
        Cors::origin("http://allowed.test")
            .credentials(true)
            .methods([Method::GET, Method::POST])
    };
    let cookie = || {
        CookieHook::session_id("sio")
            .path("/")
            .same_site(SameSite::Strict)
    };
    SocketIo::builder()
        .connect_timeout(Duration::from_millis(500))
        .engine_io(move |engine| {
            engine
                .ping_interval(Duration::from_secs(25))
                .ping_timeout(Duration::from_secs(20))
                .max_message_size(5000)
                .upgrade_timeout(Duration::from_millis(400))
                .cors(cors())
                .cookie(cookie())
                .on_connect(async |request: &ConnectRequest| guard(request))
                .on_request(async |_: &ConnectRequest| Ok(Accept::new().header(EVERY, YES)))
        })
}

/// Turns away who asks for it.
fn guard(request: &ConnectRequest) -> Result<Accept, Reject> {
    let query = request.query().unwrap_or_default();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    match pairs.find(|(name, _)| name == "deny") {
        Some((_, reason)) => Err(Reject::status(403).body(reason.into_owned())),
        None => Ok(Accept::new().header(INITIAL, YES).header(EVERY, YES)),
    }
}

const INITIAL: HeaderName = HeaderName::from_static("x-initial");
const EVERY: HeaderName = HeaderName::from_static("x-every");
const YES: HeaderValue = HeaderValue::from_static("yes");
