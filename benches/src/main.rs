//! The load harness: measures sockeye and its peers in one run.

/// Counts what the measured servers allocate; see [`sockeye_bench::counting`].
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: sockeye_bench::counting::Counting = sockeye_bench::counting::Counting;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    sockeye_bench::cli::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("the load harness reads /proc and pins to cores: it runs on Linux");
    std::process::exit(2);
}
