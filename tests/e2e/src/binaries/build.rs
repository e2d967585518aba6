//! Finding and building, over values, so that its tests bring their own folders and their own `go`.

use std::{
    fs::File,
    io::ErrorKind,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::Error;
use crate::{process::Process, terminal};

/// How one program is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recipe {
    /// The name of its file.
    pub(super) name: &'static str,
    /// Its Go package.
    pub(super) package: &'static str,
    /// The folder under the modules' of the one that pins it.
    pub(super) module: &'static str,
    /// What the first build takes on two processors.
    pub(super) usual_time: &'static str,
    /// The oldest minor version of Go 1 that builds it.
    pub(super) oldest_go: u32,
    /// The variable that holds its version, and the version.
    pub(super) version: &'static str,
}

/// Where to look, where to build, and whom to tell.
pub(super) struct Workshop<'a> {
    /// The Go command.
    pub(super) go: PathBuf,
    /// A folder with programs that somebody else made, asked first.
    pub(super) assets: Option<PathBuf>,
    /// The folder of everything that we built.
    pub(super) cache: PathBuf,
    /// The folder of the Go modules.
    pub(super) modules: PathBuf,
    /// How often to say that a build goes on.
    pub(super) heartbeat: Duration,
    /// Shows a line to the person who waits.
    pub(super) show: &'a (dyn Fn(&str) + Sync),
}

impl Workshop<'_> {
    /// Where they are, in the order asked for; builds those that are missing.
    pub(super) fn provide(&self, programs: &[Recipe]) -> Result<Vec<PathBuf>, Error> {
        let missing = |places: &[(Recipe, PathBuf)]| -> Vec<Recipe> {
            places.iter().filter(|(_, path)| !path.is_file()).map(|(program, _)| *program).collect()
        };
        let places = self.places(programs).map_err(Error::Build)?;
        let absent = missing(&places);
        if !absent.is_empty() {
            self.require_go(&absent)?;
            let _lock = self.lock().map_err(Error::Build)?;
            // Whoever held the lock before us may have built them.
            let absent = missing(&places);
            for (index, program) in absent.iter().enumerate() {
                self.build(*program, index + 1, absent.len()).map_err(Error::Build)?;
            }
        }
        Ok(places.into_iter().map(|(_, path)| path).collect())
    }

    /// Where each is, or belongs.
    fn places(&self, programs: &[Recipe]) -> Result<Vec<(Recipe, PathBuf)>> {
        let place = |program: &Recipe| {
            let given = self.assets.as_ref().map(|assets| assets.join(program.name));
            let place = match given.filter(|path| path.is_file()) {
                Some(path) => path,
                None => self.cached(*program)?,
            };
            Ok((*program, place))
        };
        programs.iter().map(place).collect()
    }

    /// Its place in the cache, which changes with the versions pinned by its module and with the kind of machine.
    fn cached(&self, program: Recipe) -> Result<PathBuf> {
        let module = self.modules.join(program.module);
        let mut hash = Sha256::new();
        for file in ["go.mod", "go.sum"] {
            let path = module.join(file);
            hash.update(std::fs::read(&path).with_context(|| format!("read {}", path.display()))?);
        }
        hash.update(std::env::consts::OS);
        hash.update(std::env::consts::ARCH);
        Ok(self.cache.join(hex::encode(&hash.finalize()[..8])).join(program.name))
    }

    /// Run inside a module, `go` switches to the version that the module asks for, if it can; so it is asked there.
    fn require_go(&self, missing: &[Recipe]) -> Result<(), Error> {
        let Some(strictest) = missing.iter().max_by_key(|program| program.oldest_go) else { return Ok(()) };
        let oldest = strictest.oldest_go;
        let refuse = |detail| {
            let missing: Vec<_> = missing.iter().map(|program| program.name).collect();
            Err(Error::NoGo { detail, oldest, missing: missing.join(", ") })
        };
        let module = self.modules.join(strictest.module);
        let asked = Command::new(&self.go).args(["env", "GOVERSION"]).current_dir(module).output();
        let output = match asked {
            Ok(output) => output,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return refuse("there is no go command".to_owned());
            }
            Err(error) => return refuse(format!("the go command does not start: {error}")),
        };
        let said =
            String::from_utf8_lossy(if output.status.success() { &output.stdout } else { &output.stderr });
        if !output.status.success() {
            return refuse(format!("`go env` fails: {}", said.trim()));
        }
        match minor_version(&said) {
            Some(minor) if minor < oldest => refuse(format!("the go command is {}, too old", said.trim())),
            // A development version has no number; it is newer than any release.
            Some(_) | None => Ok(()),
        }
    }

    fn lock(&self) -> Result<File> {
        std::fs::create_dir_all(&self.cache)
            .with_context(|| format!("make the folder {}", self.cache.display()))?;
        let path = self.cache.join("lock");
        let lock = File::create(&path).with_context(|| format!("open {}", path.display()))?;
        if lock.try_lock().is_err() {
            (self.show)("another process builds programs of the tests; waiting for it");
            self.alive("waiting for the other build", || None, || lock.lock())
                .with_context(|| format!("lock {}", path.display()))?;
        }
        Ok(lock)
    }

    fn build(&self, program: Recipe, number: usize, of: usize) -> Result<()> {
        let Recipe { name, package, usual_time, version, .. } = program;
        let target = self.cached(program)?;
        let folder = target.parent().context("a cached program has a folder")?;
        std::fs::create_dir_all(folder).with_context(|| format!("make the folder {}", folder.display()))?;
        let made = folder.join(format!("{name}.part"));
        let logs = tempfile::tempdir().context("make a folder for the log of go")?;
        (self.show)(&format!("building {name} ({number} of {of}, about {usual_time} the first time)"));
        let started = Instant::now();
        let mut command = Command::new(&self.go);
        command
            .args(["build", "-tags", "binaries", "-ldflags"])
            .arg(format!("-s -w -X {version}"))
            .arg("-o")
            .args([made.as_os_str(), package.as_ref()])
            .current_dir(self.modules.join(program.module))
            .env("GOWORK", "off");
        let go = Process::start("go", &mut command, logs.path())?;
        let last_line = || go.log().lines().last().map(str::to_owned);
        let status = self.alive(&format!("building {name}"), last_line, || go.wait_blocking())?;
        if !status.success() {
            bail!("go build {package} failed ({status})\n{}", go.tail());
        }
        std::fs::rename(&made, &target)
            .with_context(|| format!("move {} to {}", made.display(), target.display()))?;
        (self.show)(&format!("built {name} in {} s", started.elapsed().as_secs()));
        Ok(())
    }

    fn alive<T>(
        &self,
        what: &str,
        progress: impl Fn() -> Option<String> + Send,
        work: impl FnOnce() -> T,
    ) -> T {
        terminal::alive(what, self.heartbeat, progress, self.show, work)
    }
}

/// 26 of `go1.26.8`.
fn minor_version(said: &str) -> Option<u32> {
    let rest = said.trim().strip_prefix("go1.")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}
