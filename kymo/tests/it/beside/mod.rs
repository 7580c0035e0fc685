//! kymo beside the programs that it replaces: the real ones, as processes on the loopback, that send to it, are sent to, and
//! share a tree with it. Nothing here is recorded; a test whose original is not installed says so and passes.

mod conf_files;
mod one_tree;
pub mod original;
mod pickles;
mod points_in;
mod points_out;
