//! What ran, and how it went.

use std::{process::ExitCode, time::Duration};

/// What test runners said they ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
}

impl Counts {
    /// Adds what a line of output says, if it is a summary of libtest or of Node's test runner.
    pub(crate) fn read(&mut self, line: &str) {
        let line = line.trim();
        if let Some((_, summary)) = line.split_once("test result: ") {
            for part in summary.split(';') {
                let mut words = part.split_whitespace().rev();
                match (
                    words.next(),
                    words.next().and_then(|number| number.parse::<usize>().ok()),
                ) {
                    (Some("passed"), Some(number)) => self.passed += number,
                    (Some("failed"), Some(number)) => self.failed += number,
                    _ => {}
                }
            }
        }
        // Node's reporters differ in the first character.
        if let Some(summary) = line.strip_prefix("ℹ ").or_else(|| line.strip_prefix("# ")) {
            match summary
                .split_once(' ')
                .map(|(word, number)| (word, number.parse::<usize>()))
            {
                Some(("pass", Ok(number))) => self.passed += number,
                Some(("fail" | "cancelled", Ok(number))) => self.failed += number,
                _ => {}
            }
        }
    }
}

/// How a step of the whole is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One check: it succeeds or fails.
    Check,
    /// Tests, counted one by one. None at all is a failure.
    Tests,
}

impl Kind {
    /// The step's count, from its end and what was counted on the way.
    pub(crate) fn judge(self, succeeded: bool, counted: Counts) -> Counts {
        match self {
            Self::Check => Counts {
                passed: usize::from(succeeded),
                failed: usize::from(!succeeded),
            },
            Self::Tests => {
                let ran_none = counted == Counts::default();
                // A runner that fails without a failed test did so before or after the tests: that counts as one.
                let unexplained = counted.failed == 0 && (!succeeded || ran_none);
                Counts {
                    failed: counted.failed + usize::from(unexplained),
                    ..counted
                }
            }
        }
    }
}

/// All steps so far.
#[derive(Default)]
pub(crate) struct Report(Vec<(String, Counts, Duration)>);

impl Report {
    pub(crate) fn add(&mut self, step: &str, counts: Counts, took: Duration) {
        self.0.push((step.to_owned(), counts, took));
    }

    /// Prints every step and, alone on the last line, the sum.
    pub(crate) fn close(self) -> ExitCode {
        let mut sum = Counts::default();
        println!(
            "\n{:<34} {:>7} {:>7} {:>7}",
            "step", "passed", "failed", "time"
        );
        for (step, counts, took) in &self.0 {
            let mark = if counts.failed > 0 { "  <- failed" } else { "" };
            println!(
                "{step:<34} {:>7} {:>7} {:>5} s{mark}",
                counts.passed,
                counts.failed,
                took.as_secs()
            );
            sum.passed += counts.passed;
            sum.failed += counts.failed;
        }
        println!("\n{} passed, {} failed", sum.passed, sum.failed);
        if sum.failed == 0 && sum.passed > 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_are_counted() {
        #[rustfmt::skip]
        let cases = [
            // case                   line                                                                       passed failed
            ("libtest, good",         "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out", 12, 0),
            ("libtest, bad",          "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured",              3, 2),
            ("libtest, in colour",    "test result: \u{1b}[32mok\u{1b}[m. 5 passed; 0 failed; 0 ignored",             5, 0),
            ("node, people's reporter", "ℹ pass 7",                                                                7, 0),
            ("node, failures",        "ℹ fail 4",                                                                  0, 4),
            ("node, tap",             "# pass 9",                                                                  9, 0),
            ("node, cancelled",       "# cancelled 1",                                                             0, 1),
            ("node, sum of both",     "ℹ tests 11",                                                                0, 0),
            ("a heading",             "# Subtest: pass 3",                                                         0, 0),
            ("anything else",         "7 passed the exam; 1 failed",                                               0, 0),
        ];
        for (case, line, passed, failed) in cases {
            let mut counts = Counts::default();
            counts.read(line);
            assert_eq!(counts, Counts { passed, failed }, "{case}");
        }
    }

    #[test]
    fn a_step_that_ran_no_test_has_failed() {
        let counts = |passed, failed| Counts { passed, failed };
        #[rustfmt::skip]
        let cases = [
            // case                          kind          ended well  counted        judged
            ("a check that holds",           Kind::Check,  true,       counts(0, 0),  counts(1, 0)),
            ("a check that does not",        Kind::Check,  false,      counts(0, 0),  counts(0, 1)),
            ("all tests pass",               Kind::Tests,  true,       counts(5, 0),  counts(5, 0)),
            ("some tests fail",              Kind::Tests,  false,      counts(5, 2),  counts(5, 2)),
            ("no test at all",               Kind::Tests,  true,       counts(0, 0),  counts(0, 1)),
            ("a test did not even compile",  Kind::Tests,  false,      counts(0, 0),  counts(0, 1)),
            ("the runner fell over",         Kind::Tests,  false,      counts(5, 0),  counts(5, 1)),
        ];
        for (case, kind, succeeded, counted, judged) in cases {
            assert_eq!(kind.judge(succeeded, counted), judged, "{case}");
        }
    }
}
