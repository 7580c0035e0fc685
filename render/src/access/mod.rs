//! Who may: what a caller has shown, what that grants, and the view of the store that it gives.
//!
//! A right is enforced where the store is asked: each caller's requests see a [`View`] that hides the names they may not read
//! and refuses the changes they may not make. No handler has to remember to ask, and no answer kept for one caller can
//! reach another.

mod attempts;
mod credentials;
mod events;
mod grants;
mod network;
mod secret;
mod view;

pub use credentials::{Access, Caller, Identity, Known, Refusal, Shown, Token, User};
pub use events::EventsView;
pub use grants::{Grants, Reach, Scope, ScopeError};
pub use network::{Network, NetworkError};
pub use secret::{Digest, SecretError, digest_of, token_of};
pub use view::View;
