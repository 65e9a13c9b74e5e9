//! The real parts behind `cargo dev` and the tests: Postgres, Temporal, processes, ports and the story's clock.

pub mod parts;
