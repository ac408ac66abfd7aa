//! The command line: its arguments, and what each command does.

pub mod args;
pub mod backup;
mod client;
pub mod commands;
mod keys;
pub mod load;
mod output;
pub mod remote;
mod target;
mod watch;
