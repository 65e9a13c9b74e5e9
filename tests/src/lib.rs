//! The same story told from outside: the bank simulator, and what looks at giro through its public faces.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `sim` | the bank: STP's wire formats, its own journal and calendar, faults on demand |
//! | `client` | giro's REST API, as a caller uses it |
//! | `books` | the ledger's sums, and the comparison with the bank's journal |
//! | `faults` | attacks on a whole giro, drawn from a seed, and the verdict |
//! | `load` | callers that press on and forget nothing |
//! | `crash` | every crash point against every bank outcome |
//! | `stack` | a whole giro: real Postgres and Temporal, a database, a queue, a bank and processes of its own |
//! | `keys` | a company's signing key, made for one stack |

pub mod books;
pub mod client;
pub mod crash;
pub mod faults;
pub mod keys;
pub mod load;
pub mod month;
pub mod sim;
pub mod stack;
