//! Pictures against golden ones, and the server as its clients see it: over the router or a socket, from made-up series
//! or the recorded tree.
// A test that cannot go on says so by panicking, in its helpers as well.
#![allow(clippy::unwrap_used)]

mod access;
mod alerts;
mod api;
mod ask;
mod draw;
mod events;
mod hostile;
mod imported;
mod judge;
mod kept;
mod mutated;
mod packed;
mod page;
mod recorded;
mod scripted;
mod sketched;
mod tags;
mod unpack;
