//! What the whole program promises, checked from outside: one integration binary.

mod agent;
mod beside_statsd;
mod browser;
mod pipeline;
mod running;
mod statsd_cases;
mod tidy;
mod whisper_tools;
