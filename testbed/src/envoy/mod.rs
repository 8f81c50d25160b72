//! Envoy 1.40.0: its binary, its config, and a running one.

mod access_log;
mod binary;
mod config;
mod render;
mod render_tls;
mod running;
mod tls;

pub use access_log::wait_for_access;
pub use binary::binary;
pub use config::{
    Action, Authorization, AuthzServer, Config, ExtAuthz, Hcm, JwtAuthn, Listener, RequestBody, Route, Upstream,
};
pub use running::{Envoy, validate, validate_bootstrap};
pub use tls::{Identity, Mtls};
