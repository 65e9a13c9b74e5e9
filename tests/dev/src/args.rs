//! The command line of `cargo dev`.

use dev::parts::clock::TimeOfDay;

const USAGE: &str = "\
usage: cargo dev [--once] [--fresh] [--time HH:MM]

  --once        tell the story, stop everything; exit 0 only when every fate is as told
  --fresh       forget the state under .giro and start anew
  --time HH:MM  the time of a banking day in Mexico City at which the clocks start (11:00)";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) once: bool,
    pub(crate) fresh: bool,
    pub(crate) time: TimeOfDay,
}

impl Args {
    /// Reads the arguments; the error is the text to show.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut args = Self {
            once: false,
            fresh: false,
            time: TimeOfDay::ELEVEN,
        };
        while let Some(word) = words.next() {
            match word.as_str() {
                // The alias ends in `--`, so that of `cargo dev -- --once` arrives here.
                "--" => {}
                "--once" => args.once = true,
                "--fresh" => args.fresh = true,
                "--time" => {
                    let time = words.next().as_deref().and_then(TimeOfDay::parse);
                    args.time = time.ok_or_else(|| format!("--time wants HH:MM, as in --time 17:45\n\n{USAGE}"))?;
                }
                "--help" | "-h" => return Err(USAGE.to_owned()),
                other => return Err(format!("unknown argument {other}\n\n{USAGE}")),
            }
        }
        Ok(args)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, String> {
        Args::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn flags_with_and_without_dashes_before_them() {
        let plain = parse("--once --fresh --time 17:45").expect("arguments");
        assert_eq!(parse("-- --once --fresh --time 17:45"), Ok(plain));
        assert_eq!(
            parse(""),
            Ok(Args {
                once: false,
                fresh: false,
                time: TimeOfDay::ELEVEN
            })
        );
        for wrong in ["--time", "--time 25:00", "--twice"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
