//! The command line: its arguments, and what each command does.

pub mod args;
pub mod backup;
pub mod client;
pub mod commands;
mod keys;
pub mod load;
pub mod nodes;
mod output;
pub mod remote;
mod target;
mod watch;
