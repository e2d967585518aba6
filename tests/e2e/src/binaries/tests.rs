use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use parking_lot::Mutex;
use tempfile::TempDir;

use super::{
    Error, Program, Tool,
    build::{Recipe, Workshop},
};

/// Folders for a workshop whose `go` is a shell script.
struct Fixture {
    dir: TempDir,
    shown: Mutex<Vec<String>>,
}

/// Answers the question for its version. A build takes a moment, writes the package's name to the `-o` file, and is
/// counted in the file `builds`.
const GO: &str = r#"
if [ "$1" = env ]; then echo go1.25.0; exit; fi
echo "$8" >> "$BUILDS"
sleep 0.05
echo "half of it" > "$7"
sleep 0.05
echo "$8" > "$7"
"#;

impl Fixture {
    fn new(go: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for module in ["modules", "modules/kwok", "modules/helm"] {
            fs::create_dir_all(dir.path().join(module)).unwrap();
            fs::write(dir.path().join(module).join("go.mod"), format!("module {module}\n")).unwrap();
            fs::write(dir.path().join(module).join("go.sum"), "").unwrap();
        }
        let fixture = Self { dir, shown: Mutex::default() };
        fixture.write_program(&fixture.path("go"), go);
        fixture
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write_program(&self, path: &Path, script: &str) {
        let script = script
            .replace("$BUILDS", &self.path("builds").display().to_string())
            .replace("$HEARD", &self.path("heard").display().to_string());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let source = self.path("script");
        fs::write(&source, format!("#!/bin/sh\n{script}")).unwrap();
        // Another process writes the program: while this one had it open, a child that another thread forks at that
        // moment would inherit it, and a file that is open for writing cannot be run.
        let copy = r#"cp "$1" "$2" && chmod +x "$2""#;
        let copied = Command::new("sh").args(["-c", copy, "sh"]).args([&source, path]).status().unwrap();
        assert!(copied.success());
    }

    fn provide(&self) -> Result<Vec<PathBuf>, Error> {
        self.provide_these(&Program::ALL.map(Program::recipe))
    }

    fn provide_these(&self, programs: &[Recipe]) -> Result<Vec<PathBuf>, Error> {
        let show = |line: &str| {
            self.shown.lock().push(line.to_owned());
            // The name of the file that a `go` may wait for.
            if line.starts_with("building etcd: ") {
                fs::write(self.path("heard"), "").unwrap();
            }
        };
        let workshop = Workshop {
            go: self.path("go"),
            assets: Some(self.path("assets")),
            cache: self.path("cache"),
            modules: self.path("modules"),
            heartbeat: Duration::from_millis(20),
            show: &show,
        };
        workshop.provide(programs)
    }

    fn builds(&self) -> Vec<String> {
        fs::read_to_string(self.path("builds")).unwrap_or_default().lines().map(str::to_owned).collect()
    }
}

fn every_package() -> Vec<&'static str> {
    Program::ALL.map(Program::package).to_vec()
}

#[test]
fn all_are_built_in_order_and_found_the_next_time() {
    let fixture = Fixture::new(GO);
    let built = fixture.provide().unwrap();
    for (program, path) in Program::ALL.into_iter().zip(built) {
        assert_eq!(fs::read_to_string(path).unwrap().trim(), program.package());
    }
    assert_eq!(fixture.builds(), every_package());
    let shown = fixture.shown.lock().clone();
    assert_eq!(shown[0], "building etcd (1 of 6, about half a minute the first time)");
    assert!(
        shown.contains(&"building kube-apiserver: 0 s".to_owned()),
        "no sign of life between: {shown:#?}"
    );
    assert!(shown.last().unwrap().starts_with("built kwok in "), "{shown:#?}");

    fixture.provide().unwrap();
    assert_eq!(fixture.builds(), every_package(), "the second time there is nothing to build");
}

#[test]
fn a_long_build_says_that_it_goes_on() {
    let fixture = Fixture::new(
        r#"
if [ "$1" = env ]; then echo go1.25.0; exit; fi
echo "go: downloading something" >&2
until [ -e "$HEARD" ]; do sleep 0.01; done
echo whole > "$7"
"#,
    );
    fixture.provide().unwrap();
    let shown = fixture.shown.lock();
    assert!(shown.iter().any(|line| line.contains(" s, go: downloading something")), "{shown:#?}");
}

#[test]
fn what_kubebuilder_assets_has_is_not_built() {
    let fixture = Fixture::new(GO);
    for program in Program::ALL {
        if program != Program::Kubectl {
            fixture.write_program(&fixture.path("assets").join(program.name()), "");
        }
    }
    let found = fixture.provide().unwrap();
    assert_eq!(fixture.builds(), ["k8s.io/kubernetes/cmd/kubectl"]);
    assert_eq!(found[0], fixture.path("assets/etcd"));
}

#[test]
fn other_versions_are_built_anew_and_only_of_that_module() {
    let fixture = Fixture::new(GO);
    fixture.provide().unwrap();
    fs::write(fixture.path("modules/kwok/go.mod"), "module kwok // newer\n").unwrap();
    fixture.provide().unwrap();
    assert_eq!(fixture.builds()[6..], ["sigs.k8s.io/kwok/cmd/kwok"]);
}

#[test]
fn a_tool_is_built_only_when_it_is_asked_for_and_alone() {
    let fixture = Fixture::new(&GO.replace("go1.25.0", "go1.26.0"));
    fixture.provide().unwrap();
    assert_eq!(fixture.builds(), every_package());
    let helm = fixture.provide_these(&[Tool::Helm.recipe()]).unwrap();
    assert_eq!(fixture.builds()[6..], ["helm.sh/helm/v4/cmd/helm"]);
    assert_eq!(fs::read_to_string(&helm[0]).unwrap().trim(), "helm.sh/helm/v4/cmd/helm");
}

#[test]
fn the_version_of_go_is_that_of_the_strictest_program() {
    let fixture = Fixture::new(GO);
    let error = fixture.provide_these(&[Tool::Helm.recipe()]).unwrap_err().to_string();
    assert!(error.contains("the go command is go1.25.0, too old"), "{error}");
    assert!(error.contains("Install Go 1.26"), "{error}");
}

#[test]
fn those_who_ask_at_the_same_time_share_one_build() {
    let fixture = Fixture::new(GO);
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..4).map(|_| scope.spawn(|| fixture.provide().map(drop))).collect();
        for one in all {
            one.join().unwrap().unwrap();
        }
    });
    assert_eq!(fixture.builds(), every_package());
}

#[test]
fn a_failed_build_names_the_package_and_leaves_nothing_that_looks_whole() {
    let fixture = Fixture::new(
        r#"if [ "$1" = env ]; then echo go1.30; exit; fi; echo part > "$7"; echo "no space left on device" >&2; exit 1"#,
    );
    let error = fixture.provide().unwrap_err().to_string();
    assert!(error.contains("go build go.etcd.io/etcd/server/v3 failed (exit status: 1)"), "{error}");
    assert!(error.contains("no space left on device"), "{error}");
    fixture.write_program(&fixture.path("go"), GO);
    fixture.provide().unwrap();
}

#[test]
fn without_a_usable_go_the_error_says_what_to_install() {
    let check = |fixture: &Fixture, why: &str| {
        let error = fixture.provide().unwrap_err();
        assert!(matches!(error, Error::NoGo { .. }), "{error}");
        let error = error.to_string();
        for part in
            [why, "Install Go 1.25 or newer (https://go.dev/doc/install)", "KUBEBUILDER_ASSETS", "kwok"]
        {
            assert!(error.contains(part), "{part:?} is not in {error:?}");
        }
    };
    let none = Fixture::new(GO);
    fs::remove_file(none.path("go")).unwrap();
    check(&none, "there is no go command");
    check(&Fixture::new("echo go1.22.1"), "the go command is go1.22.1, too old");
    check(
        &Fixture::new("echo 'toolchain not available' >&2; exit 1"),
        "`go env` fails: toolchain not available",
    );
}
