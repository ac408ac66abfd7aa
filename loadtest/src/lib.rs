//! An external view of Anaquel: starts the real binary, speaks HTTP to it over loopback, and checks every answer
//! afterwards.

pub mod attack;
pub mod audit;
pub mod backups;
pub mod bare;
pub mod client;
pub mod copies;
pub mod http;
pub mod inject;
pub mod interrupt;
pub mod invoices;
pub mod kill;
pub mod linear;
pub mod live;
mod machine;
pub mod out;
pub mod peers;
pub mod pipeline;
pub mod power;
pub mod rate;
pub mod replay;
pub mod replicas;
pub mod scenario;
pub mod selling;
pub mod server;
pub mod socket;
pub mod stock;
pub mod tills;
mod writers;
