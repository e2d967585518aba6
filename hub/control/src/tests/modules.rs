//! Files that are elsewhere: submodules and pointers of Git LFS.

use super::*;

impl Loops {
    fn library(&self) -> std::path::PathBuf {
        self.folder.path().join("library")
    }

    /// A repository of its own, which is mounted at `web/lib`.
    fn mount(&self) {
        std::fs::create_dir_all(self.library().join("deep")).unwrap();
        std::fs::write(self.library().join("deep/lib.yaml"), CONFIG_MAP.replace("web", "lib")).unwrap();
        let git = |arguments: &[&str]| {
            let identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
            let done =
                Command::new("git").args(identity).args(arguments).current_dir(self.library()).output();
            assert!(done.unwrap().status.success(), "{arguments:?}");
        };
        git(&["init", "-q", "-b", "main", "."]);
        git(&["add", "-A"]);
        git(&["commit", "-q", "-m", "library"]);
        let library = self.library().display().to_string();
        self.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &library, "web/lib"]);
        self.git(&["commit", "-q", "-m", "mount"]);
    }

    /// The names of the objects that releases of an Application are of, each release in a line.
    async fn released(&self, records: &Records, app: &str) -> Vec<String> {
        let bundles = Bundles::open(&self.folder.path().join("bundles")).unwrap();
        let listing = records.store().list("release/", Page::default()).await.unwrap();
        let mut released = Vec::new();
        for entry in listing.entries {
            let Ok(spec) = serde_json::from_slice::<shared_model::ReleaseSpec>(&entry.value) else {
                continue;
            };
            if spec.application.name != app {
                continue;
            }
            let bundle = shared_manifest::Bundle::from_bytes(&bundles.get(&spec.bundle).unwrap()).unwrap();
            let names: Vec<String> =
                bundle.into_objects().iter().map(|object| object.name().to_owned()).collect();
            released.push(names.join(" "));
        }
        released
    }
}

fn app(name: &str, repository: &Path, path: &str) -> Value {
    let mut object = application(name, "eu-1", &[]);
    let source = json!({"repoURL": repository.to_str(), "path": path, "directory": {"recurse": true}});
    object["spec"]["source"] = source;
    object
}

#[tokio::test(flavor = "multi_thread")]
async fn submodules_are_followed_when_they_are_to_be() {
    let loops = Loops::start().await;
    let (records, now) = (&loops.records, Timestamp::UNIX_EPOCH);
    loops.commit("web/config.yaml", CONFIG_MAP);
    loops.mount();
    records.create(Kind::Cluster, cluster("eu-1", &json!({"env": "prod"})), now).await.unwrap();
    for (name, path) in [("around", "web"), ("inside", "web/lib/deep")] {
        records.create(Kind::Application, app(name, &loops.repository(), path), now).await.unwrap();
    }
    loops
        .until("it says that it is a submodule", async |_| {
            let condition = loops.condition(Kind::Application, "inside").await;
            condition.contains("`web/lib` is a submodule") && condition.contains("set git.submodules to")
        })
        .await;
    let is =
        async |records: &Records, app: &str, expect: &[&str]| loops.released(records, app).await == expect;
    loops.until("its own file", async |records| is(records, "around", &["web"]).await).await;
    let settings = json!({
        "metadata": {"name": "flotilla-cm", "namespace": "argocd"},
        "data": {"git.submodules": "true"},
    });
    records.create(Kind::ConfigMap, settings, now).await.unwrap();
    loops.commit("web/config.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {a: b}\n");
    loops
        .until("both files", async |records| {
            let released = loops.released(records, "around").await;
            released.iter().any(|names| names == "lib web")
        })
        .await;
    loops.until("the one inside", async |records| is(records, "inside", &["lib"]).await).await;
    // A project that does not permit the submodule's repository has none of it, cached or not.
    let project = json!({
        "metadata": {"name": "team", "namespace": "argocd"},
        "spec": {
            "sourceRepos": [loops.repository().display().to_string()],
            "destinations": [{"server": "*", "namespace": "*"}],
        },
    });
    records.create(Kind::AppProject, project, now).await.unwrap();
    for (name, path) in [("strange", "web"), ("strangest", "web/lib/deep")] {
        let mut object = app(name, &loops.repository(), path);
        object["spec"]["project"] = json!("team");
        records.create(Kind::Application, object, now).await.unwrap();
        loops
            .until("the project refuses", async |_| {
                let condition = loops.condition(Kind::Application, name).await;
                condition.contains("the submodule `web/lib` is not followed")
                    && condition.contains("is not permitted in project 'team'")
            })
            .await;
        assert!(loops.released(records, name).await.is_empty());
    }
    assert!(loops.tasks.drain(Duration::from_secs(5)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn pointers_of_lfs_are_named() {
    let loops = Loops::start().await;
    let (records, now) = (&loops.records, Timestamp::UNIX_EPOCH);
    loops.commit("web/config.yaml", CONFIG_MAP);
    loops.commit(
        "web/large.yaml",
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1234567\n",
    );
    records.create(Kind::Cluster, cluster("eu-1", &json!({"env": "prod"})), now).await.unwrap();
    records.create(Kind::Application, app("web", &loops.repository(), "web"), now).await.unwrap();
    loops
        .until("it names the file", async |_| {
            let condition = loops.condition(Kind::Application, "web").await;
            condition.contains("pointers of Git LFS: web/large.yaml;")
        })
        .await;
    assert!(loops.tasks.drain(Duration::from_secs(5)).await);
}
