//! The fence of a send: both own clocks, read before the ledger's begin, decide whether a byte may still leave.

use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};

/// How long after begin an order may still leave; the ledger counts `send_before` from the same begin.
pub const LIFETIME: Duration = Duration::from_secs(10);

/// How far the wall clock may step back (a leap second, a small NTP step) before it is no witness any more.
const STEP_BACK: Duration = Duration::from_secs(1);

/// The clock that goes on while the machine sleeps, so that a resumed laptop or VM is late, not early.
#[cfg(any(target_os = "linux", target_os = "android"))]
const SLEEPLESS: ClockId = ClockId::Boottime;
/// macOS counts sleep in its monotonic clock.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const SLEEPLESS: ClockId = ClockId::Monotonic;

/// A reading of both own clocks, taken before begin, with how long it is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    start: Reading,
    lifetime: Duration,
}

/// The fence ran out: the order must not leave any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the fence ran out before the first byte")]
pub struct Late;

/// Both own clocks at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reading {
    wall: SystemTime,
    /// Since boot, sleep included; `None` when the clock made no sense, which is always late.
    boottime: Option<Duration>,
}

impl Reading {
    fn now() -> Self {
        let boot = clock_gettime(SLEEPLESS);
        let boottime = match (u64::try_from(boot.tv_sec), u32::try_from(boot.tv_nsec)) {
            (Ok(seconds), Ok(nanos)) => Some(Duration::new(seconds, nanos)),
            (Ok(_) | Err(_), Ok(_) | Err(_)) => None,
        };
        Self {
            wall: SystemTime::now(),
            boottime,
        }
    }
}

impl Fence {
    /// Reads both clocks now. Call it before begin, never after.
    pub fn now(lifetime: Duration) -> Self {
        Self {
            start: Reading::now(),
            lifetime,
        }
    }

    /// May a byte still leave? Both clocks must show less than the lifetime since the reading.
    pub fn check(&self) -> Result<(), Late> {
        self.check_at(Reading::now())
    }

    fn check_at(&self, now: Reading) -> Result<(), Late> {
        let wall_in_time = match now.wall.duration_since(self.start.wall) {
            Ok(elapsed) => elapsed < self.lifetime,
            Err(back) => back.duration() <= STEP_BACK,
        };
        let boot_in_time = match (now.boottime, self.start.boottime) {
            (Some(now), Some(start)) => now.checked_sub(start).is_some_and(|elapsed| elapsed < self.lifetime),
            (Some(_) | None, Some(_) | None) => false,
        };
        if wall_in_time && boot_in_time {
            Ok(())
        } else {
            Err(Late)
        }
    }
}

impl Default for Fence {
    fn default() -> Self {
        Self::now(LIFETIME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    fn at(wall_ms: u64, boot_ms: u64) -> Reading {
        Reading {
            wall: SystemTime::UNIX_EPOCH + Duration::from_millis(HOUR + wall_ms),
            boottime: Some(Duration::from_millis(HOUR + boot_ms)),
        }
    }

    fn fence() -> Fence {
        Fence {
            start: at(0, 0),
            lifetime: LIFETIME,
        }
    }

    #[test]
    fn both_clocks_must_be_inside_the_lifetime() {
        for (wall, boot, expected) in [
            (0, 0, Ok(())),
            (9_999, 9_999, Ok(())),
            (10_000, 9_999, Err(Late)),
            (9_999, 10_000, Err(Late)),
            (0, 10_000, Err(Late)),
            (HOUR, 1, Err(Late)),
        ] {
            assert_eq!(fence().check_at(at(wall, boot)), expected, "wall {wall} boot {boot}");
        }
    }

    #[test]
    fn a_wall_clock_set_back_by_more_than_a_second_is_late() {
        let back = |ms: u64| Reading {
            wall: SystemTime::UNIX_EPOCH + Duration::from_millis(HOUR - ms),
            boottime: Some(Duration::from_millis(HOUR + 1)),
        };
        assert_eq!(fence().check_at(back(1_000)), Ok(()));
        assert_eq!(fence().check_at(back(1_001)), Err(Late));
    }

    #[test]
    fn a_boot_clock_that_makes_no_sense_is_late() {
        let gone = Reading {
            boottime: None,
            ..at(1, 1)
        };
        assert_eq!(fence().check_at(gone), Err(Late));
        let rebooted = Reading {
            boottime: Some(Duration::ZERO),
            ..at(1, 1)
        };
        assert_eq!(fence().check_at(rebooted), Err(Late));
    }

    #[test]
    fn the_real_clocks_run() {
        assert_eq!(Fence::now(Duration::from_secs(60)).check(), Ok(()));
        assert_eq!(Fence::now(Duration::ZERO).check(), Err(Late));
    }
}
