//! What the whole program promises, checked from outside: one integration binary.

mod abuse;
mod access;
mod agent;
mod alerts;
mod beside;
mod beside_statsd;
mod browser;
mod check;
mod client_wire;
mod clients;
mod fuzz;
mod grafana;
mod migrating;
mod pipeline;
mod ports;
mod proxy;
mod running;
mod sketches;
mod slow;
mod statsd_cases;
mod store_commands;
mod storm;
mod tidy;
mod tls;
mod whisper_beside;
mod whisper_tools;
