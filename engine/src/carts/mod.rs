//! Carts: what a customer is thinking of. A cart promises nothing unless it is held; its prices, its offers and what is
//! available of its lines are worked out when it is read.
//!
//! A cart is open until it is ordered, merged into the customer's other cart, closed, or expired. Orders take a cart in
//! their own record, by [`Effect::Cart`](crate::effect::Effect::Cart). A cart that is no longer open is forgotten
//! after a while: its order tells the rest.

mod answer;
pub(crate) mod audit;
pub(crate) mod audited;
mod cart;
pub mod command;
pub(crate) mod decide;
pub(crate) mod draft;
pub mod event;
pub(crate) mod fold;
pub(crate) mod frames;
pub mod line;
pub mod merge;
pub mod ordered;
mod store;

pub use answer::CartAnswer;
pub use cart::{Cart, CartHold, CartState, CartStep, Happened};
pub use store::Store;
