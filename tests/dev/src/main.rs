//! `cargo dev`: brings up everything giro needs, tells the story of four payouts, and stays up until Ctrl-C.

mod args;
mod compile;
mod http;
mod prepare;
mod project;
mod say;
mod stack;
mod stop;

use std::process::ExitCode;
use std::time::Duration;

use dev::parts::process;

use self::args::Args;
use self::project::Project;
use self::stack::Stack;
use self::stop::Stop;

fn main() -> ExitCode {
    let args = match Args::parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(text) => {
            say::line(&text);
            return ExitCode::from(2);
        }
    };
    let end = run(&args);
    // Whatever a failed preparation still has running.
    process::stop_all(Duration::from_secs(10));
    match end {
        Ok(code) => code,
        Err(Stop::Interrupted) => {
            say::line("giro dev: stopped");
            ExitCode::from(130)
        }
        Err(Stop::Trouble(trouble)) => {
            say::line(&format!("giro dev: {trouble}"));
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<ExitCode, Stop> {
    stop::listen()?;
    let project = Project::claim()?;
    say::line(&format!(
        "giro dev: preparing Postgres, Temporal and giro{}",
        compile::estimate()
    ));
    project.end_leftovers();
    project.make_state(args.fresh)?;
    let mut stack = Stack::prepare(&project)?;
    let told = stack.bring_up(args.time).and_then(|()| stack.tell_story());
    let told = match told {
        Ok(good) if args.once => Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
        Ok(_) => {
            stack.stay_up();
            Ok(ExitCode::SUCCESS)
        }
        Err(stop) => Err(stop),
    };
    stack.stop();
    told
}
