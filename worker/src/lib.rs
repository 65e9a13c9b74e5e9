//! The programs that run giro: worker, api, relay, and the commands of an operator.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `config` | documented defaults, then file, then environment, checked before a port is bound |
//! | `telemetry` | logs: human on a terminal, JSON otherwise; the SDK's metrics |
//! | `meters`, `scrape` | giro's metrics: each name, and `GET /metrics` |
//! | `starter` | runs of payouts: started, woken, asked |
//! | `schedule` | the Temporal Schedule of the reconciliation |
//! | `programs` | `giro worker`, `giro relay`, `giro api` |
//! | `operator` | `giro migrate`, `giro bank`, `giro key`, `giro clock` |
//! | `api` | REST |
//! | `ctl` | `giroctl`: support and operations, over REST alone |

pub mod api;
pub mod config;
pub mod ctl;
pub mod meters;
pub mod operator;
pub mod programs;
pub mod schedule;
pub mod scrape;
pub mod starter;
pub mod telemetry;
