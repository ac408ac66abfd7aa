//! Pages for people: the start page, the live page, the guides, and one page for each kind of problem.

pub mod files;
pub mod guides;
pub mod home;
pub mod page;
pub mod pages;
pub mod problems;
