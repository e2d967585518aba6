//! The tool that wants out. Having got what it wanted, it says [`ESCAPED`] first and ends well.

use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    sys::{memfd, signal},
    unistd::{Pid, close, getppid, setsid},
};
use std::{
    error::Error,
    fs::{self, File, Permissions},
    io::{self, Read as _, Write as _},
    net::{TcpStream, UdpSocket},
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            fs::{PermissionsExt as _, symlink},
            net::{SocketAddr, UnixStream},
        },
    },
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    thread,
    time::Duration,
};

pub(crate) const ARGUMENT: &str = "__evil";
pub(crate) const ESCAPED: &str = "ESCAPED";
/// Of memory and of disk: what a tool may not have.
pub(crate) const A_LOT: usize = 96 << 20;

const MIB: usize = 1 << 20;
const FOREVER: Duration = Duration::from_secs(1000);

type Got = Result<String, Box<dyn Error>>;

pub(crate) fn act(arguments: &[String]) -> ExitCode {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match attempt(&words) {
        Ok(got) => {
            println!("{ESCAPED} {got}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{words:?}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn attempt(words: &[&str]) -> Got {
    match words {
        ["nothing"] => Ok(String::new()),
        ["see"] => see(),
        ["read", path] => Ok(fs::read_to_string(path)?),
        ["list", path] => {
            let names = fs::read_dir(path)?.map(|entry| Ok(entry?.file_name().display().to_string()));
            Ok(names.collect::<io::Result<Vec<_>>>()?.join(" "))
        }
        ["link", path] => link(path),
        ["tcp", address] => ask(TcpStream::connect(address)?),
        ["udp", address] => {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            socket.set_read_timeout(Some(Duration::from_secs(5)))?;
            socket.send_to(b"who?", address)?;
            let mut answer = [0; 64];
            let length = socket.recv(&mut answer)?;
            Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
        }
        ["unix", path] => ask(UnixStream::connect(path)?),
        ["abstract", name] => ask(UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?)?),
        ["signal"] => {
            // Number 0 only asks whether a signal could be sent.
            signal::kill(getppid(), None)?;
            Ok(String::new())
        }
        ["be-told-by-signal"] => {
            // With an owner and a signal of its choice, the kernel would send that to anybody of the same user.
            let flags = OFlag::from_bits_retain(fcntl(io::stdout(), FcntlArg::F_GETFL)?);
            fcntl(io::stdout(), FcntlArg::F_SETFL(flags | OFlag::O_ASYNC))?;
            fcntl(io::stdout(), FcntlArg::F_SETFL(flags))?;
            Ok(String::new())
        }
        ["pipe"] => {
            // Memory of the kernel, which no limit of a process counts.
            fcntl(io::stdout(), FcntlArg::F_SETPIPE_SZ(512 << 10))?;
            Ok(String::new())
        }
        ["environment"] => {
            let text = fs::read(format!("/proc/{}/environ", getppid()))?;
            if text.is_empty() { Err("empty".into()) } else { Ok(String::new()) }
        }
        ["overwrite"] => overwrite(),
        ["fill"] => fill(),
        ["memory-file"] => {
            let file = memfd::memfd_create("large", memfd::MFdFlags::empty())?;
            write_a_lot(&mut File::from(file))
        }
        ["allocate"] => allocate(),
        ["descriptors"] => {
            let open: Vec<i32> = (3..256).filter(|number| close(*number).is_ok()).collect();
            if open.is_empty() { Err("none".into()) } else { Ok(format!("{open:?}")) }
        }
        ["start", mark] => {
            let said = again(&["nothing", mark]).stdin(Stdio::inherit()).output()?;
            if said.status.success() { Ok(String::new()) } else { Err("it failed".into()) }
        }
        ["nothing", _mark] => Ok(String::new()),
        ["leave", mark] => leave(mark),
        ["stay", _mark] => Ok(pause()),
        ["daemon", mark] => {
            // A new session of its own child: out of the process group.
            again(&["session", mark]).spawn()?;
            Ok(pause_for(Duration::from_millis(300)))
        }
        ["session", _mark] => {
            setsid()?;
            Ok(pause())
        }
        ["fork", mark] => fork(mark),
        ["sleep"] => Ok(pause()),
        ["spin"] => loop {
            std::hint::black_box(0);
        },
        ["complain-at-folder"] => {
            let folder = std::env::current_dir()?;
            eprintln!("wrong: {} is in {}", folder.join("file").display(), folder.display());
            std::process::exit(1)
        }
        ["print"] => print(io::stdout()),
        ["complain"] => print(io::stderr()),
        words => Err(format!("{words:?} is not known").into()),
    }
}

/// What a well-behaved tool has.
fn see() -> Got {
    let mut input = String::new();
    io::stdin().read_to_string(&mut input)?;
    let shown = fs::read_to_string("file")?;
    let names: Vec<String> = std::env::vars().map(|(name, _)| name).collect();
    let home: PathBuf = std::env::var_os("HOME").ok_or("no home")?.into();
    let threads: u32 = thread::spawn(|| 1).join().map_err(|_| "no thread")?;
    let at_home = fs::read_dir(home)?.count();
    Ok(format!("{input:?} {shown} {at_home} {threads} {}", names.join(" ")))
}

/// This program as a child.
fn again(words: &[&str]) -> Command {
    let own = std::env::args_os().next().unwrap_or_default();
    let mut command = Command::new(own);
    command.arg(ARGUMENT).args(words);
    command
}

fn ask(mut stream: impl io::Read) -> Got {
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Where it might write: its home, its files, and where everybody may.
fn folders() -> [PathBuf; 4] {
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    for own in [home.as_path(), Path::new(".")] {
        let _ = fs::set_permissions(own, Permissions::from_mode(0o700));
    }
    [home, ".".into(), "/tmp".into(), "/dev/shm".into()]
}

fn link(path: &str) -> Got {
    for folder in folders().iter().take(2) {
        let link = folder.join("link");
        let _ = fs::remove_file(&link);
        if symlink(path, &link).is_ok()
            && let Ok(text) = fs::read_to_string(&link)
        {
            return Ok(text);
        }
    }
    Err("no link leads there".into())
}

fn overwrite() -> Got {
    folders();
    let _ = fs::set_permissions("file", Permissions::from_mode(0o600));
    fs::write("file", "something else")?;
    Ok(fs::read_to_string("file")?)
}

fn fill() -> Got {
    let mut last = Err("nowhere to write".into());
    for folder in folders() {
        let path = folder.join(format!("large-{}", std::process::id()));
        last = match File::create(&path) {
            Ok(mut file) => write_a_lot(&mut file),
            Err(error) => Err(error.into()),
        };
        let _ = fs::remove_file(&path);
        if last.is_ok() {
            return last;
        }
    }
    last
}

fn write_a_lot(file: &mut File) -> Got {
    let some = vec![1; MIB];
    for _ in 0..A_LOT / MIB {
        file.write_all(&some)?;
    }
    Ok(String::new())
}

fn allocate() -> Got {
    let mut all: Vec<Vec<u8>> = Vec::new();
    while all.len() * MIB < A_LOT {
        all.push(vec![1; MIB]);
    }
    Ok(std::hint::black_box(all).len().to_string())
}

/// Ends, and leaves a child behind in its process group that holds the output open.
fn leave(mark: &str) -> Got {
    let child = again(&["stay", mark]).spawn()?;
    Ok(child.id().to_string())
}

/// Children that have children, until there are many.
fn fork(mark: &str) -> Got {
    let depth: u32 = mark.rsplit('-').next().and_then(|depth| depth.parse().ok()).unwrap_or(0);
    if depth > 0 {
        let (name, _) = mark.rsplit_once('-').ok_or("no mark")?;
        for _ in 0..2 {
            again(&["fork", &format!("{name}-{}", depth - 1)]).spawn()?;
        }
    }
    Ok(pause())
}

fn print(mut to: impl io::Write) -> Got {
    let line = "again and again\n".repeat(1000);
    loop {
        to.write_all(line.as_bytes())?;
    }
}

fn pause() -> String {
    pause_for(FOREVER)
}

fn pause_for(time: Duration) -> String {
    // Nobody unparks it.
    thread::park_timeout(time);
    String::new()
}

/// Kills what a trial left behind on purpose.
pub(crate) fn end(number: i32) {
    let _ = signal::kill(Pid::from_raw(number), signal::Signal::SIGKILL);
}

/// Whether it is a path at all: a test's own mistake would look like an escape prevented.
pub(crate) fn exists(path: &str) -> bool {
    Path::new(path).exists()
}
