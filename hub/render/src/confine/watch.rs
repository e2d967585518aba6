//! A started tool is watched to its end: what it prints is read with a bound, and its time counted.

use super::{
    Limits, Printed, Stop, Stopped,
    limits::is_out_of_time,
    spec::{FAILED, MARK},
};
use bytes::Bytes;
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{Signal, killpg},
        wait::{Id, WaitPidFlag, WaitStatus, waitid},
    },
    unistd::Pid,
};
use std::{
    fs,
    io::{self, Read, Write as _},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::process::{CommandExt as _, ExitStatusExt as _},
    },
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// How much of the end of its errors is kept.
const ERRORS: usize = 64 * 1024;
/// How long a stop takes to be noticed at most.
const TICK: Duration = Duration::from_millis(100);
/// A tool whose output has ended has mostly ended too, or will in a moment.
const SHORTEST_NAP: Duration = Duration::from_micros(100);

/// Runs the command, in a process group of its own and with this input, to its end.
pub(super) fn watch(
    mut command: Command,
    input: Vec<u8>,
    limits: &Limits,
    stop: Option<&Stop>,
) -> Result<Printed, Stopped> {
    let started = Instant::now();
    let mut group = Group(command.process_group(0).stdin(Stdio::piped()).spawn()?);
    let mut input = Input { sink: group.0.stdin.take(), bytes: input, written: 0 };
    if let Some(sink) = &input.sink {
        do_not_wait(sink)?;
    }
    let mut output = Pipe::new(group.0.stdout.take(), usize::try_from(limits.output).unwrap_or(usize::MAX));
    let mut errors = Pipe::new(group.0.stderr.take(), usize::MAX);
    output.prepare()?;
    errors.prepare()?;
    let mut peak = None;
    let mut nap = SHORTEST_NAP;
    loop {
        let left = limits.wall.saturating_sub(started.elapsed());
        if left.is_zero() {
            return Err(Stopped::TimedOut { limit: limits.wall });
        }
        if stop.is_some_and(Stop::is_stopped) {
            return Err(Stopped::GivenUp);
        }
        if output.source.is_some() || errors.source.is_some() {
            wait_for(&input, [output.descriptor(), errors.descriptor()], left.min(TICK))?;
            // Just before it prints, a tool has most of what it ever needs. While it is fed it is not the tool yet.
            if input.sink.is_none() {
                peak = peak.max(group.memory());
            }
            input.write();
        } else {
            std::thread::sleep(nap.min(left));
            nap = (nap * 2).min(TICK);
        }
        // What it printed before its end is there once it has ended, so look for that first.
        let ended = group.has_ended()?;
        while output.read()? | errors.read()? {
            errors.keep_end(ERRORS);
            if output.is_over {
                return Err(Stopped::TooMuchOutput { limit: limits.output });
            }
            // Between two chunks of a tool that prints for ever, its time is looked at; and of what it left behind.
            if !ended || started.elapsed() >= limits.wall {
                break;
            }
        }
        if ended {
            break;
        }
    }
    let wall = started.elapsed();
    let status = group.end()?;
    let stderr = String::from_utf8_lossy(&errors.bytes).into_owned();
    match judge(status, stderr, limits) {
        Ok(stderr) => Ok(Printed { stdout: Bytes::from(output.bytes), stderr, wall, peak_memory: peak }),
        Err(stopped) => Err(stopped),
    }
}

/// Waits until something can be read or written, or an end is reached.
fn wait_for(input: &Input, pipes: [Option<BorrowedFd<'_>>; 2], most: Duration) -> io::Result<()> {
    let mut open: Vec<PollFd<'_>> =
        pipes.into_iter().flatten().map(|pipe| PollFd::new(pipe, PollFlags::POLLIN)).collect();
    open.extend(input.sink.as_ref().map(|sink| PollFd::new(sink.as_fd(), PollFlags::POLLOUT)));
    match poll(&mut open, PollTimeout::try_from(most).unwrap_or(PollTimeout::ZERO)) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// What is there is read or written, and more is not waited for.
fn do_not_wait(pipe: impl AsFd) -> io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(&pipe, FcntlArg::F_GETFL)?);
    fcntl(&pipe, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

/// What the child is to read; closed at its end.
struct Input {
    sink: Option<ChildStdin>,
    bytes: Vec<u8>,
    written: usize,
}

impl Input {
    /// Writes what can be without waiting.
    fn write(&mut self) {
        while let Some(sink) = &mut self.sink {
            let rest = &self.bytes[self.written..];
            match if rest.is_empty() { Ok(0) } else { sink.write(rest) } {
                Ok(0) => self.sink = None,
                Ok(written) => self.written += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A child that does not read has failed, and says why.
                Err(_) => self.sink = None,
            }
        }
        self.bytes = Vec::new();
    }
}

/// What the end of a tool means.
fn judge(status: ExitStatus, stderr: String, limits: &Limits) -> Result<String, Stopped> {
    let code = match (status.code(), status.signal()) {
        (Some(0), _) => return Ok(stderr),
        (Some(code), _) => code,
        (None, signal) => {
            let signal = signal.unwrap_or_default();
            return Err(if is_out_of_time(signal) {
                Stopped::TimedOut { limit: limits.cpu }
            } else {
                Stopped::Killed { signal, stderr }
            });
        }
    };
    if code == i32::from(FAILED)
        && let Some(why) = stderr.lines().find_map(|line| line.strip_prefix(MARK))
    {
        return Err(Stopped::NotStarted(io::Error::other(why.to_owned())));
    }
    if is_go_without_memory(code, &stderr) {
        return Err(Stopped::TooMuchMemory { limit: limits.memory });
    }
    match broken_off(code, &stderr) {
        Some(why) => Err(Stopped::Broke { why: why.to_owned() }),
        None => Err(Stopped::Failed { code, stderr }),
    }
}

/// What the Go runtime says when it ends a program: with code 2, as for an error that nobody caught. A tool that does not
/// like its input says so itself, with code 1.
fn broken_off(code: i32, stderr: &str) -> Option<&str> {
    let says = |line: &&str| {
        ["runtime: ", "fatal error: ", "panic: ", "SIG"].iter().any(|start| line.starts_with(start))
    };
    stderr.lines().find(says).filter(|_| code == 2)
}

/// The Go runtime ends with code 2 and says so (`runtime/malloc.go`, `runtime/mem_linux.go`).
fn is_go_without_memory(code: i32, stderr: &str) -> bool {
    let fatal = |line: &str| {
        let runtime = line.starts_with("fatal error: ") || line.starts_with("runtime: ");
        runtime && (line.contains("out of memory") || line.contains("cannot allocate memory"))
    };
    code == 2 && stderr.lines().any(fatal)
}

/// A process group, killed when it is dropped.
struct Group(Child);

impl Group {
    fn id(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.0.id()).unwrap_or(i32::MAX))
    }

    /// Whether the tool itself has ended. It is not reaped, so that its number stays the group's.
    fn has_ended(&self) -> io::Result<bool> {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
        loop {
            match waitid(Id::Pid(self.id()), flags) {
                Ok(WaitStatus::StillAlive) => return Ok(false),
                Ok(_) => return Ok(true),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// The most memory that the tool had so far.
    fn memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim_end().parse().ok()?;
        Some(kib * 1024)
    }

    /// Kills the rest of the group and tells how the tool ended.
    fn end(&mut self) -> io::Result<ExitStatus> {
        // Nobody is left: fine.
        let _ = killpg(self.id(), Signal::SIGKILL);
        self.0.wait()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Twice is harmless: a tool that was waited for is not waited for again, and has no group.
        if !matches!(self.0.try_wait(), Ok(Some(_))) {
            let _ = self.end();
        }
    }
}

/// The reading end of what a tool prints.
struct Pipe<R> {
    source: Option<R>,
    bytes: Vec<u8>,
    most: usize,
    is_over: bool,
}

impl<R: Read + AsFd> Pipe<R> {
    const fn new(source: Option<R>, most: usize) -> Self {
        Self { source, bytes: Vec::new(), most, is_over: false }
    }

    fn prepare(&self) -> io::Result<()> {
        self.source.as_ref().map_or(Ok(()), do_not_wait)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.source.as_ref().map(AsFd::as_fd)
    }

    /// Takes a chunk of what is there, up to one byte more than it may be; whether there was something.
    fn read(&mut self) -> io::Result<bool> {
        const CHUNK: usize = 64 * 1024;
        while let Some(source) = &mut self.source {
            let room = CHUNK.min(self.most.saturating_add(1) - self.bytes.len());
            let before = self.bytes.len();
            self.bytes.resize(before + room, 0);
            let read = source.read(&mut self.bytes[before..]);
            self.bytes.truncate(before + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => self.source = None,
                Ok(_) if self.bytes.len() > self.most => {
                    self.is_over = true;
                    return Ok(true);
                }
                Ok(_) => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    fn keep_end(&mut self, most: usize) {
        if self.bytes.len() > most {
            self.bytes.drain(..self.bytes.len() - most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_runtime_says_is_no_fault_of_the_input() {
        let check = |code: i32, stderr: &str, expect: &str| {
            let limits = Limits::default();
            let stopped =
                judge(ExitStatus::from_raw(code << 8), stderr.to_owned(), &limits).expect_err("it ended");
            assert_eq!((stopped.to_string().as_str(), stopped.may_pass()), (expect, code == 2), "{stderr}");
        };
        let thread = "runtime: failed to create new OS thread (have 5 already; errno=11)";
        check(
            2,
            &format!("{thread}\nruntime: may need to increase max user processes\nfatal error: newosproc\n"),
            &format!("it broke off: {thread}"),
        );
        check(
            2,
            "fatal error: all goroutines are asleep - deadlock!\n",
            "it broke off: fatal error: all goroutines are asleep - deadlock!",
        );
        check(
            2,
            "panic: runtime error: index out of range\n\ngoroutine 1 [running]:\n",
            "it broke off: panic: runtime error: index out of range",
        );
        check(2, "SIGQUIT: quit\nPC=0x1\n", "it broke off: SIGQUIT: quit");
        check(
            2,
            "fatal error: runtime: out of memory\n",
            "it needs more than the 1024 MiB of memory that it may have",
        );
        check(1, "Error: fatal error: x\n", "it failed with code 1: Error: fatal error: x");
        check(1, "panic: a template said so\n", "it failed with code 1: panic: a template said so");
    }
}
