//! kymo is the one program: it reads arguments, configuration and the clock, and wires the stages.
#![forbid(unsafe_code)]
