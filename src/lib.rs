//! Realtime transports for Rust web apps, as tower middleware.
#![forbid(unsafe_code)]

pub use sockeye_tower::*;

/// axum: routers to nest.
#[cfg(feature = "axum")]
pub mod axum {
    pub use sockeye_axum::*;
}
