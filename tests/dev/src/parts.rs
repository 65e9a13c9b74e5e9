//! Parts that the launcher and the test harness start as their own direct children.

pub mod clock;
pub mod postgres;
pub mod process;
pub mod temporal;

mod ports;
mod tools;
mod trouble;

pub use ports::{free_port, port_near};
pub use trouble::Trouble;

/// Where a part that is being prepared says, one line at a time, what it does.
pub type Progress<'a> = &'a dyn Fn(&str);
