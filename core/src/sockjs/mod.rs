//! SockJS 0.3.3.
