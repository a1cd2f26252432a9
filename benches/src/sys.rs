//! The few things asked of the kernel that the standard library has no words for.
#![allow(
    unsafe_code,
    reason = "affinity, limits, CPU clocks, malloc_trim and signals are C calls"
)]

use std::{io, mem, time::Duration};

/// Keeps this thread, and those it starts from now on, on one core.
pub fn pin_to_core(core: usize) -> io::Result<()> {
    // SAFETY: `set` is plain data for which zeroes are a valid value, `core` is checked to be
    // inside it, and the kernel only reads it during the call.
    let result = unsafe {
        let mut set: libc::cpu_set_t = mem::zeroed();
        if core >= libc::CPU_SETSIZE as usize {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, mem::size_of_val(&set), &raw const set)
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Raises the number of open files to the hard limit, and gives it.
pub fn raise_open_files() -> io::Result<u64> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a valid place to write to, then to read from, for the calls' duration.
    let result = unsafe {
        match libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) {
            0 => {
                limit.rlim_cur = limit.rlim_max;
                libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit)
            }
            failed => failed,
        }
    };
    if result == 0 {
        Ok(limit.rlim_cur)
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The CPU time a process has used, all threads, user and system, in nanoseconds' resolution.
#[derive(Clone, Copy, Debug)]
pub struct CpuClock(libc::clockid_t);

impl CpuClock {
    /// The clock of the process `pid`.
    pub fn of(pid: u32) -> io::Result<Self> {
        let mut clock = 0;
        // SAFETY: `clock` is a valid place to write to.
        match unsafe { libc::clock_getcpuclockid(pid as libc::pid_t, &raw mut clock) } {
            0 => Ok(Self(clock)),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }

    /// The time used until now.
    pub fn now(self) -> io::Result<Duration> {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: `time` is a valid place to write to.
        if unsafe { libc::clock_gettime(self.0, &raw mut time) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // A clock's time is never negative and its nanoseconds are below a second.
        Ok(Duration::new(
            time.tv_sec.unsigned_abs(),
            time.tv_nsec as u32,
        ))
    }
}

/// Gives freed memory back to the system, where the C library is asked to (glibc).
///
/// Says whether it could be asked.
pub fn trim_heap() -> bool {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: has no preconditions; it locks the heap by itself.
        unsafe { libc::malloc_trim(0) };
        true
    }
    #[cfg(not(target_env = "gnu"))]
    false
}

/// Asks a child process to stop and write its summary, as Ctrl-C would.
pub fn interrupt(child: &std::process::Child) -> io::Result<()> {
    // SAFETY: a signal to a child that was not waited for yet, so the number is still its own.
    let result = unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGINT) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
