//! System calls of a process, counted by `strace -f -c`.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStderr, Command, Stdio},
};

use super::child::Server;
use crate::{Result, sys};

/// A counter attached to a server.
#[derive(Debug)]
pub struct Strace {
    process: Child,
    stderr: BufReader<ChildStderr>,
    report: std::path::PathBuf,
}

/// What was counted.
#[derive(Clone, Debug)]
pub struct SystemCalls {
    /// All calls.
    pub total: u64,
    /// By name, the most frequent first.
    pub by_name: Vec<(String, u64)>,
}

impl Strace {
    /// Attaches; from then on every call counts.
    pub fn attach(server: &Server) -> Result<Self> {
        let pid = server.pid().to_string();
        let report = std::env::temp_dir().join(format!("sockeye-bench-strace-{pid}"));
        let mut process = Command::new("strace")
            .args(["-f", "-c", "-o"])
            .arg(&report)
            .args(["-p", &pid])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("strace could not be started: {error}"))?;
        let mut stderr = BufReader::new(process.stderr.take().ok_or("no stderr")?);
        let mut line = String::new();
        while !line.contains("attached") {
            line.clear();
            if stderr.read_line(&mut line)? == 0 {
                return Err("strace could not attach".into());
            }
        }
        Ok(Self {
            process,
            stderr,
            report,
        })
    }

    /// Detaches and reads the counts.
    pub fn detach(mut self) -> Result<SystemCalls> {
        sys::interrupt(&self.process)?;
        self.stderr.read_to_string(&mut String::new())?;
        self.process.wait()?;
        let text = fs::read_to_string(&self.report)?;
        fs::remove_file(&self.report)?;
        parse(&text)
    }
}

// Lines are `% time, seconds, usecs/call, calls, [errors,] syscall`.
fn parse(text: &str) -> Result<SystemCalls> {
    let mut by_name = Vec::new();
    for line in text.lines() {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [_, _, _, calls, .., name] = columns[..] else {
            continue;
        };
        if let Ok(calls) = calls.parse::<u64>()
            && name != "total"
        {
            by_name.push((name.to_owned(), calls));
        }
    }
    if by_name.is_empty() {
        return Err("strace counted nothing".into());
    }
    by_name.sort_by_key(|(_, calls)| std::cmp::Reverse(*calls));
    Ok(SystemCalls {
        total: by_name.iter().map(|(_, calls)| calls).sum(),
        by_name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_summary_with_and_without_errors() {
        let calls = parse(
            "% time     seconds  usecs/call     calls    errors syscall\n\
             ------ ----------- ----------- --------- --------- ----------------\n \
              60.00    0.000600           1       600           sendto\n \
              30.00    0.000300           1       300        20 recvfrom\n \
              10.00    0.000100           1       100           epoll_wait\n\
             ------ ----------- ----------- --------- --------- ----------------\n\
             100.00    0.001000           1      1000        20 total\n",
        )
        .expect("a summary");
        assert_eq!(calls.total, 1000);
        assert_eq!(calls.by_name[1], ("recvfrom".to_owned(), 300));
        assert!(parse("").is_err());
    }
}
