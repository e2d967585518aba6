//! seccomp: what a tool may ask the kernel for. It is what a program needs that reads files, computes with several
//! threads, and prints; the rest is answered as by a kernel that does not have it (`ENOSYS`), so that programs fall
//! back where they can.
//!
//! Why what is allowed is listed, and not what is forbidden: kernels grow, and each processor has further doors (on
//! x86-64 a second numbering of everything).

use nix::libc::{self, c_long};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use std::{collections::BTreeMap, io};

/// Allowed with any arguments.
const ALLOWED: &[c_long] = &[
    // Reading what is open, and printing.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_lseek,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_fadvise64,
    libc::SYS_readahead,
    libc::SYS_pipe2,
    // Looking at files and folders.
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_readlinkat,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_chdir,
    libc::SYS_fchdir,
    libc::SYS_umask,
    // Memory.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_mincore,
    libc::SYS_msync,
    libc::SYS_membarrier,
    // Threads and their waiting.
    libc::SYS_futex,
    libc::SYS_futex_waitv,
    libc::SYS_set_robust_list,
    libc::SYS_get_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_getcpu,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_wait4,
    libc::SYS_waitid,
    // Waiting for what is open.
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_eventfd2,
    // Its own signals.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigsuspend,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    // Time.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_times,
    libc::SYS_getitimer,
    libc::SYS_setitimer,
    libc::SYS_timer_create,
    libc::SYS_timer_settime,
    libc::SYS_timer_gettime,
    libc::SYS_timer_getoverrun,
    libc::SYS_timer_delete,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_timerfd_gettime,
    // About itself and the machine.
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_gettid,
    libc::SYS_getpgid,
    libc::SYS_getsid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getresuid,
    libc::SYS_getresgid,
    libc::SYS_getgroups,
    libc::SYS_capget,
    libc::SYS_getpriority,
    libc::SYS_getrusage,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_getrandom,
    // This program becomes the tool by it, after the filter is there. The tool could become another program: which,
    // Landlock and the root folder say.
    libc::SYS_execve,
];

/// Older forms of the same.
#[cfg(target_arch = "x86_64")]
const OLDER: &[c_long] = &[
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_getdents,
    libc::SYS_dup2,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_epoll_create,
    libc::SYS_epoll_wait,
    libc::SYS_eventfd,
    libc::SYS_pause,
    libc::SYS_time,
    libc::SYS_getpgrp,
    libc::SYS_getrlimit,
    libc::SYS_arch_prctl,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[c_long] = &[];

/// Nothing that makes a file or opens one to write.
const WRITING: i32 = libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND;

/// What terminals and descriptors are asked; not what puts text into a terminal's input.
const ASKED: [u64; 5] = [libc::TCGETS, libc::TIOCGWINSZ, libc::FIONREAD, libc::FIONBIO, libc::FIOCLEX];
/// `fcntl`: copies of descriptors, and what is set of one. Not whom a signal goes to, and which (`F_SETOWN`, `F_SETSIG`):
/// that would be the hub, by whoever has its number. Not how much memory of the kernel a pipe has either.
const HARMLESS: [i32; 5] =
    [libc::F_DUPFD, libc::F_DUPFD_CLOEXEC, libc::F_GETFD, libc::F_SETFD, libc::F_GETFL];
/// `prctl`: names of threads and of memory. Not what ends it with the hub.
const NAMES: [i32; 4] = [libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA, libc::PR_CAPBSET_READ];

/// From here on this process, and the tool that it becomes, may only make these calls.
pub(super) fn only() -> io::Result<()> {
    let filter = program().map_err(io::Error::other)?;
    seccompiler::apply_filter(&filter).map_err(io::Error::other)
}

fn program() -> Result<BpfProgram, seccompiler::BackendError> {
    use SeccompCmpOp::{Eq, MaskedEq};
    let own = u64::from(std::process::id());
    let thread = libc::CLONE_THREAD as u64;
    let mut rules: BTreeMap<c_long, Vec<SeccompRule>> =
        ALLOWED.iter().chain(OLDER).map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_openat, vec![when(2, MaskedEq(WRITING as u64), 0)?]);
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_open, vec![when(1, MaskedEq(WRITING as u64), 0)?]);
    // Memory that it shares with nobody is counted; what it could share with itself would not be.
    let apart = |flag: i32| when(3, MaskedEq(flag as u64), 0);
    rules.insert(libc::SYS_mmap, vec![apart(libc::MAP_SHARED)?, apart(libc::MAP_ANONYMOUS)?]);
    // Threads and no processes. `clone3` has its flags where a filter cannot see them: libraries fall back to this.
    rules.insert(libc::SYS_clone, vec![when(0, MaskedEq(thread), thread)?]);
    // The process keeps its number when it becomes the tool.
    rules.insert(libc::SYS_kill, vec![when(0, Eq, own)?]);
    rules.insert(libc::SYS_tgkill, vec![when(0, Eq, own)?]);
    rules.insert(libc::SYS_prlimit64, vec![when(0, Eq, 0)?, when(0, Eq, own)?]);
    rules.insert(libc::SYS_sched_setaffinity, vec![when(0, Eq, 0)?]);
    rules.insert(libc::SYS_ioctl, ASKED.iter().map(|asked| when(1, Eq, *asked)).collect::<Result<_, _>>()?);
    let mut fcntl = HARMLESS.iter().map(|asked| when(1, Eq, *asked as u64)).collect::<Result<Vec<_>, _>>()?;
    fcntl.push(SeccompRule::new(vec![
        condition(1, Eq, libc::F_SETFL as u64)?,
        condition(2, MaskedEq(libc::O_ASYNC as u64), 0)?,
    ])?);
    rules.insert(libc::SYS_fcntl, fcntl);
    let name = |name: &i32| when(0, Eq, *name as u64);
    rules.insert(libc::SYS_prctl, NAMES.iter().map(name).collect::<Result<_, _>>()?);
    let absent = SeccompAction::Errno(libc::ENOSYS as u32);
    SeccompFilter::new(rules, absent, SeccompAction::Allow, std::env::consts::ARCH.try_into()?)?.try_into()
}

fn when(argument: u8, how: SeccompCmpOp, value: u64) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(vec![condition(argument, how, value)?])
}

fn condition(
    argument: u8,
    how: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, how, value)
}
