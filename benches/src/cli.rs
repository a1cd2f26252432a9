//! The command line.

use std::{collections::BTreeSet, env, fs, path::PathBuf, process::ExitCode, time::Duration};

use crate::{
    Result, report,
    rows::{self, ROWS, Settings},
    server::{self, GENERATOR_CORE},
    sys,
};

const USAGE: &str = "\
usage: sockeye-bench run [options]   measure, print the results as JSON
       sockeye-bench serve <name>    one server, until stdin is closed

options of run:
  --rows 4,5,6         only these rows of the goals table
  --servers a,b        only these servers
  --rounds 5           rounds of each server in each scenario
  --span-ms 700        length of a round
  --connections 9500   connections held for the memory rows
  --quick              one short round and few connections: to see that it works
  --write-docs FILE    also write the tables as Markdown (needs all rows)
  --json FILE          write the JSON there instead of printing it
";

/// What `main` does.
pub fn main() -> ExitCode {
    match command(env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn command(mut arguments: impl Iterator<Item = String>) -> Result<()> {
    match arguments.next().as_deref() {
        Some("serve") => {
            let name = arguments.next().ok_or(USAGE)?;
            let pinned = match arguments.next().as_deref() {
                None => true,
                Some("--unpinned") => false,
                Some(_) => return Err(USAGE.into()),
            };
            server::serve(&name, pinned)
        }
        Some("run") => run(arguments),
        _ => Err(USAGE.into()),
    }
}

fn run(arguments: impl Iterator<Item = String>) -> Result<()> {
    let arguments: Vec<String> = arguments.collect();
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let mut settings = if quick {
        Settings::quick()
    } else {
        Settings::whole()
    };
    let (mut docs, mut json) = (None, None);
    let mut arguments = arguments.into_iter();
    while let Some(option) = arguments.next() {
        if option == "--quick" {
            continue;
        }
        let value = arguments.next().ok_or(USAGE)?;
        match option.as_str() {
            "--rows" => settings.rows = parse_rows(&value)?,
            "--servers" => settings.servers = value.split(',').map(str::to_owned).collect(),
            "--rounds" => settings.plan.rounds = value.parse::<usize>()?.max(1),
            "--span-ms" => settings.plan.span = Duration::from_millis(value.parse()?),
            "--connections" => settings.idle = value.parse()?,
            "--write-docs" => docs = Some(PathBuf::from(value)),
            "--json" => json = Some(PathBuf::from(value)),
            _ => return Err(USAGE.into()),
        }
    }
    if docs.is_some() && (quick || settings.rows != ROWS.into() || !settings.servers.is_empty()) {
        return Err("--write-docs wants a whole run: all rows and servers, not --quick".into());
    }
    sys::pin_to_core(GENERATOR_CORE)
        .map_err(|error| format!("two cores are needed, one for the servers: {error}"))?;
    let files = usize::try_from(sys::raise_open_files()?)?;
    // The servers have the same limit, and need some files besides.
    settings.idle = settings.idle.min(files.saturating_sub(200));
    let outcome = rows::run(&settings)?;
    let text = serde_json::to_string_pretty(&report::json(&settings, &outcome))?;
    match json {
        Some(path) => fs::write(path, text + "\n")?,
        None => println!("{text}"),
    }
    eprint!("\n{}", report::goals(&outcome));
    if let Some(path) = docs {
        fs::write(path, report::markdown(&settings, &outcome))?;
    }
    Ok(())
}

fn parse_rows(list: &str) -> Result<BTreeSet<u8>> {
    list.split(',')
        .map(|row| {
            let row = row.trim().parse()?;
            if ROWS.contains(&row) {
                Ok(row)
            } else {
                Err(format!("no row {row}").into())
            }
        })
        .collect()
}
