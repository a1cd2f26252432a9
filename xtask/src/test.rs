//! `cargo xtask test`: every check and every test, each step whatever became of the others.

use std::{
    process::{Command, ExitCode},
    time::Instant,
};

use crate::{
    cargo, clients, crates, packages, proxies,
    report::{Counts, Kind, Report},
    root, run, salvo,
};

pub(crate) fn everything() -> ExitCode {
    let mut report = Report::default();
    let published = crates::published(root());

    report.check("format", "fmt --all --check");
    report.check(
        "lints",
        "clippy --workspace --all-targets --all-features -- -D warnings",
    );
    report.step("lints of the proxy tests", Kind::Check, || {
        Ok(proxies::lints())
    });
    for each in published.iter().flatten() {
        let name = &each.name;
        let check = format!("check --package {name} --no-default-features");
        report.check(&format!("{name} without features"), &check);
        for feature in &each.features {
            let name = format!("{name} with {feature} alone");
            report.check(&name, &format!("{check} --features {feature}"));
        }
    }
    report.step("documentation", Kind::Check, || Ok(documentation()));
    report.step("tests", Kind::Tests, || {
        Ok(cargo_line("test --workspace --all-features --no-fail-fast"))
    });
    report.step("packages", Kind::Check, || {
        packages::make(published.as_ref()?)
    });
    report.step("packages build", Kind::Check, || {
        packages::build(published.as_ref()?)
    });
    report.step("salvo: format", Kind::Check, || Ok(salvo::format()));
    report.step("salvo: lints", Kind::Check, || Ok(salvo::lints()));
    report.step("salvo: tests", Kind::Tests, || Ok(salvo::tests()));
    report.step("proxies", Kind::Tests, proxies::prepare);
    report.step("real clients", Kind::Tests, clients::prepare);
    report.close()
}

impl Report {
    /// One step: makes its command, runs it and notes how it went.
    fn step(&mut self, name: &str, kind: Kind, prepare: impl FnOnce() -> Result<Command, String>) {
        println!("\n== {name}");
        let start = Instant::now();
        let ended = prepare().and_then(|mut command| run::counting(&mut command));
        let (succeeded, counted) = ended.unwrap_or_else(|problem| {
            println!("{problem}");
            (false, Counts::default())
        });
        self.add(name, kind.judge(succeeded, counted), start.elapsed());
    }

    /// A step that is one run of cargo.
    fn check(&mut self, name: &str, arguments: &str) {
        self.step(name, Kind::Check, || Ok(cargo_line(arguments)));
    }
}

/// Cargo with arguments that hold no blanks.
fn cargo_line(arguments: &str) -> Command {
    let mut command = cargo();
    command.args(arguments.split_whitespace());
    command
}

/// The documentation, in which every link leads somewhere.
fn documentation() -> Command {
    let mut command = cargo_line("doc --workspace --no-deps --all-features");
    command.env("RUSTDOCFLAGS", "-D warnings");
    command
}
