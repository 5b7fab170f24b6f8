//! Following real files, registrations and DNS.

use std::{
    collections::HashMap, net::SocketAddr, os::unix::fs::symlink, sync::Mutex, time::Duration,
};

use mesh_core::{
    Config, Findings, Mesh, Note,
    policy::{ClusterLoadAssignment, Metadata, Name},
};
use tokio::time::Instant;

use super::*;
use crate::{
    FileSource,
    dns::{Resolve, ResolveFuture},
    file::load::{Loader, Read},
    follow::{self, Guard, Publish},
};

/// How soon an edit must show.
const SOON: Duration = Duration::from_secs(5);

/// Remembers all that it is given.
#[derive(Default)]
struct Recorder(Mutex<Recorded>);

#[derive(Default)]
struct Recorded {
    published: Vec<Config>,
    assigned: Vec<(String, Vec<String>)>,
    rejected: Vec<String>,
    refuse: bool,
}

impl Publish for Recorder {
    fn publish(&self, config: Config, _: Findings) -> Result<Vec<Note>, String> {
        let mut recorded = self.0.lock().unwrap();
        if recorded.refuse {
            return Err("refused".to_owned());
        }
        recorded.published.push(config);
        Ok(Vec::new())
    }

    fn assign(&self, cluster: &str, assignment: Arc<ClusterLoadAssignment>) {
        let addresses = assignment.endpoints().map(|e| e.address.to_string());
        let assigned = (cluster.to_owned(), addresses.collect());
        self.0.lock().unwrap().assigned.push(assigned);
    }

    fn reject(&self, error: String) {
        self.0.lock().unwrap().rejected.push(error);
    }
}

impl Recorder {
    fn with<T>(&self, look: impl FnOnce(&mut Recorded) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    /// Waits until `look` sees something, which it must soon.
    async fn until<T>(&self, what: &str, look: impl Fn(&mut Recorded) -> Option<T>) -> T {
        let deadline = Instant::now() + SOON;
        loop {
            if let Some(seen) = self.with(&look) {
                return seen;
            }
            assert!(Instant::now() < deadline, "not in time: {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until the latest configuration sends host `a.com` to service `to`.
    async fn until_routed_to(&self, to: &str) {
        let cluster = format!("outbound|80||{to}");
        self.until(to, |r| {
            (routed_to(r.published.last()?)? == cluster).then_some(())
        })
        .await;
    }

    async fn until_rejected(&self, part: &str) {
        self.until(part, |r| {
            r.rejected.iter().any(|e| e.contains(part)).then_some(())
        })
        .await;
    }
}

/// Where a configuration sends host `a.com`.
fn routed_to(config: &Config) -> Option<String> {
    let hosts = &config.routes.first()?.virtual_hosts;
    let host = hosts.iter().find(|v| &*v.name == "a.com:80")?;
    Some(targets(host.routes.first()?)[0].0.clone())
}

fn rule(to: &str) -> String {
    let spec = format!("hosts: [a.com]\nhttp: [{{route: [{{destination: {{host: {to}}}}}]}}]");
    document("VirtualService", "default", "a", &spec)
}

async fn follow(source: FileSource) -> (Arc<Recorder>, Guard) {
    let recorder = Arc::new(Recorder::default());
    let watch = try_follow(source, &recorder).await;
    (recorder, watch.unwrap_or_else(|e| panic!("{e}")))
}

async fn try_follow(source: FileSource, to: &Arc<Recorder>) -> Result<Guard, LoadError> {
    let resolver = source.resolver.clone();
    follow::follow(source.reloader(), resolver, to.clone()).await
}

#[tokio::test]
async fn an_edit_in_place_shows() {
    let dir = TempDir::new();
    dir.write("a.yaml", &rule("one.com"));
    let (recorder, _watch) = follow(FileSource::new(&dir.0)).await;
    recorder.until_routed_to("one.com").await;
    // All of one length, so that only the time of the change tells.
    let mut took = Vec::new();
    for to in ["two.com", "six.com", "ten.com"] {
        let before = Instant::now();
        dir.write("a.yaml", &rule(to));
        recorder.until_routed_to(to).await;
        took.push(before.elapsed());
    }
    // The quickest, for the machine may be busy with other things.
    assert!(
        took.iter().min() < Some(&Duration::from_secs(1)),
        "{took:?}"
    );
}

#[tokio::test]
async fn a_single_file_replaced_by_a_rename_shows() {
    let dir = TempDir::new();
    dir.write("a.yaml", &rule("one.com"));
    let (recorder, _watch) = follow(FileSource::new(dir.0.join("a.yaml"))).await;
    dir.write("new", &rule("two.com"));
    fs::rename(dir.0.join("new"), dir.0.join("a.yaml")).unwrap();
    recorder.until_routed_to("two.com").await;
    // Gone for a while, as some editors do it.
    fs::remove_file(dir.0.join("a.yaml")).unwrap();
    recorder.until_rejected("cannot be read").await;
    let published = recorder.with(|r| r.published.len());
    dir.write("a.yaml", &rule("two.com"));
    // Back with the same content: published again, so that the error is not the last word.
    recorder
        .until("a publish", |r| {
            (r.published.len() > published).then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_swapped_config_map_shows() {
    let dir = TempDir::new();
    let version = |n: u32, to: &str| {
        let data = format!("..2026_{n}");
        fs::create_dir(dir.0.join(&data)).unwrap();
        dir.write(&format!("{data}/a.yaml"), &rule(to));
        symlink(&data, dir.0.join("..data_tmp")).unwrap();
        fs::rename(dir.0.join("..data_tmp"), dir.0.join("..data")).unwrap();
    };
    version(1, "one.com");
    symlink("..data/a.yaml", dir.0.join("a.yaml")).unwrap();
    let (recorder, _watch) = follow(FileSource::new(&dir.0)).await;
    recorder.until_routed_to("one.com").await;
    version(2, "two.com");
    fs::remove_dir_all(dir.0.join("..2026_1")).unwrap();
    recorder.until_routed_to("two.com").await;
    assert_eq!(recorder.with(|r| r.rejected.len()), 0);
}

#[tokio::test]
async fn new_directories_and_deleted_files_show() {
    let dir = TempDir::new();
    dir.write("a.yaml", &rule("one.com"));
    let (recorder, _watch) = follow(FileSource::new(&dir.0)).await;
    fs::create_dir_all(dir.0.join("deep/er")).unwrap();
    let other = rule("one.com")
        .replace("a.com", "b.com")
        .replace("name: a", "name: b");
    dir.write("deep/er/b.yml", &other);
    let has = |config: &Config, name: &str| {
        let hosts = config.routes.iter().flat_map(|r| &r.virtual_hosts);
        hosts.into_iter().any(|v| &*v.name == name)
    };
    recorder
        .until("b.com", |r| {
            has(r.published.last()?, "b.com:80").then_some(())
        })
        .await;
    fs::remove_file(dir.0.join("a.yaml")).unwrap();
    recorder
        .until("no a.com", |r| {
            let last = r.published.last()?;
            (has(last, "b.com:80") && !has(last, "a.com:80")).then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_broken_edit_keeps_the_last_good_configuration() {
    let dir = TempDir::new();
    dir.write("a.yaml", &rule("one.com"));
    let (recorder, _watch) = follow(FileSource::new(&dir.0)).await;
    dir.write("a.yaml", &rule("one.com").replace("route:", "rout:"));
    recorder.until_rejected("did you mean `route`?").await;
    let (published, rejected) = recorder.with(|r| (r.published.len(), r.rejected.len()));
    assert_eq!((published, rejected), (1, 1));
    dir.write("a.yaml", &rule("two.com"));
    recorder.until_routed_to("two.com").await;
}

#[tokio::test]
async fn what_the_mesh_refuses_is_reported() {
    let dir = TempDir::new();
    dir.write("a.yaml", &rule("one.com"));
    let (recorder, _watch) = follow(FileSource::new(&dir.0)).await;
    recorder.with(|r| r.refuse = true);
    dir.write("a.yaml", &rule("two.com"));
    recorder.until_rejected("refused").await;
}

#[tokio::test]
async fn a_file_that_is_being_written_causes_no_lasting_error() {
    let dir = TempDir::new();
    dir.write("a.yaml", &rule("one.com"));
    let (recorder, _watch) = follow(FileSource::new(&dir.0)).await;
    let text = rule("two.com");
    // Truncated in the middle of a field for longer than any settling.
    dir.write("a.yaml", &text[..text.len() - 30]);
    recorder.until("a rejection", |r| r.rejected.pop()).await;
    dir.write("a.yaml", &text);
    recorder.until_routed_to("two.com").await;
}

#[tokio::test]
async fn the_first_load_must_succeed() {
    let dir = TempDir::new();
    dir.write("a.yaml", "a: [\n");
    dir.write("b.yaml", &rule("one.com").replace("route:", "rout:"));
    let recorder = Arc::new(Recorder::default());
    let error = try_follow(FileSource::new(&dir.0), &recorder).await;
    let said = error.err().unwrap().to_string();
    assert!(said.lines().count() >= 2, "{said}");
    assert!(
        said.contains("a.yaml:") && said.contains("b.yaml:8: spec.http[0].rout"),
        "{said}"
    );
    assert_eq!(recorder.with(|r| r.published.len()), 0);
    let missing = FileSource::new(dir.0.join("none")).load().unwrap_err();
    assert!(missing.to_string().contains("cannot be read"), "{missing}");
}

#[tokio::test]
async fn dropping_the_guard_ends_the_watch() {
    let dir = TempDir::new();
    dir.write("a.yaml", &rule("one.com"));
    let (recorder, watch) = follow(FileSource::new(&dir.0)).await;
    drop(watch);
    let weak = Arc::downgrade(&recorder);
    drop(recorder);
    let deadline = Instant::now() + SOON;
    while weak.strong_count() > 0 {
        assert!(Instant::now() < deadline, "the task still holds its target");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_registration_changes_its_service_only() {
    let dir = TempDir::new();
    dir.write("a.yaml", &service("default", "a.com", 80));
    dir.write("b.yaml", &service("default", "b.com", 80));
    let registry = Registry::new();
    let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    let first = registry.register("a.com", 80, at(1), Metadata::default());
    let source = FileSource::new(&dir.0).with_registry(registry.clone());
    let (recorder, _watch) = follow(source).await;
    let second = registry.register("a.com", 80, at(2), Metadata::default());
    let assigned = recorder.until("an assignment", |r| r.assigned.pop()).await;
    let endpoints = |e: &[&str]| {
        let all = ["10.0.0.1:80"].iter().chain(e).map(ToString::to_string);
        ("outbound|80||a.com".to_owned(), all.collect())
    };
    assert_eq!(assigned, endpoints(&["127.0.0.1:1", "127.0.0.1:2"]));
    drop(first);
    let assigned = recorder.until("an assignment", |r| r.assigned.pop()).await;
    assert_eq!(assigned, endpoints(&["127.0.0.1:2"]));
    drop(second);
    recorder.until("an assignment", |r| r.assigned.pop()).await;
    assert_eq!(
        recorder.with(|r| (r.published.len(), r.assigned.len())),
        (1, 0)
    );
    // A service that was not known is more than endpoints.
    let _third = registry.register("c.com", 80, at(3), Metadata::default());
    recorder
        .until("c.com", |r| {
            let assignments: &HashMap<Name, _> = &r.published.last()?.assignments;
            let name = "outbound|80||c.com.svc.cluster.local";
            assignments.contains_key(name).then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_mesh_is_published_into_and_ends_the_watch() {
    let dir = TempDir::new();
    dir.write("a.yaml", &service("default", "a.com", 80));
    let registry = Registry::new();
    let _one = registry.register(
        "a.com",
        80,
        SocketAddr::from(([127, 0, 0, 1], 1)),
        Metadata::default(),
    );
    let mesh = Mesh::new();
    let source = FileSource::new(&dir.0).with_registry(registry.clone());
    source.start(&mesh).await.unwrap();
    assert_eq!(mesh.status().version, 1);
    assert_eq!(mesh.load().outbound_ports(), [80]);
    let count = || {
        mesh.load()
            .cluster("outbound|80||a.com")
            .unwrap()
            .assignment()
            .len()
    };
    assert_eq!(count(), 2);
    let deadline = Instant::now() + SOON;
    let _two = registry.register(
        "a.com",
        80,
        SocketAddr::from(([127, 0, 0, 1], 2)),
        Metadata::default(),
    );
    while count() != 3 {
        assert!(Instant::now() < deadline, "the registration does not show");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(mesh.status().version, 1);
    dir.write("a.yaml", "kind: [");
    while mesh.status().last_error.is_none() {
        assert!(Instant::now() < deadline, "the error does not show");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(count(), 3);
    let weak = mesh.downgrade();
    drop(mesh);
    assert!(weak.upgrade().is_none());
}

/// Answers `a.com`, and no other name ever.
#[derive(Debug)]
struct OneName;

impl Resolve for OneName {
    fn resolve<'a>(&'a self, host: &'a str) -> ResolveFuture<'a> {
        Box::pin(async move {
            match host {
                "a.com" => Ok(vec![[10, 0, 0, 7].into()]),
                _ => std::future::pending().await,
            }
        })
    }
}

fn dns(host: &str) -> String {
    let spec = format!("hosts: [{host}]\nports: [{{number: 80}}]\nresolution: DNS");
    document("ServiceEntry", "default", host, &spec)
}

#[tokio::test(start_paused = true)]
async fn dns_endpoints_are_there_when_the_start_returns() {
    let dir = TempDir::new();
    dir.write("a.yaml", &dns("a.com"));
    let start = Instant::now();
    let (recorder, _watch) = follow(FileSource::new(&dir.0).with_resolver(OneName)).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    let expected = (
        "outbound|80||a.com".to_owned(),
        vec!["10.0.0.7:80".to_owned()],
    );
    assert_eq!(recorder.with(|r| r.assigned.clone()), [expected]);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_never_resolves_does_not_keep_the_start_for_long() {
    let dir = TempDir::new();
    dir.write("a.yaml", &dns("other.com"));
    let start = Instant::now();
    let (recorder, _watch) = follow(FileSource::new(&dir.0).with_resolver(OneName)).await;
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    assert!(recorder.with(|r| r.assigned.is_empty()));
}

#[test]
fn a_pipe_is_no_source() {
    let error = FileSource::new("/dev/null").load().unwrap_err();
    assert!(error.to_string().contains("neither a file nor a directory"));
}

#[test]
fn an_edit_of_one_file_parses_one_file() {
    let dir = TempDir::new();
    for name in ["a", "b", "c"] {
        let text = service("default", &format!("{name}.com"), 80);
        dir.write(&format!("{name}.yaml"), &text);
    }
    dir.write("notes.txt", "not YAML: [");
    dir.write(".hidden.yaml", "not: [");
    let mut loader = Loader::new(dir.0.clone(), "default".into());
    assert_eq!((loader.refresh(Read::All), loader.parsed), (Ok(true), 3));
    assert_eq!((loader.refresh(Read::All), loader.parsed), (Ok(false), 3));
    dir.write("b.yaml", &service("default", "d.com", 80));
    assert_eq!((loader.refresh(Read::All), loader.parsed), (Ok(true), 4));
    assert_eq!(loader.documents().unwrap().0.len(), 3);
}

#[test]
fn links_in_circles_end() {
    let dir = TempDir::new();
    dir.write("a.yaml", &rule("one.com"));
    symlink(".", dir.0.join("self")).unwrap();
    symlink("nowhere", dir.0.join("b.yaml")).unwrap();
    assert!(FileSource::new(&dir.0).load().is_ok());
}

#[test]
fn text_that_is_not_utf8_has_a_line() {
    let dir = TempDir::new();
    fs::write(dir.0.join("a.yaml"), b"a: 1\nb: \xff\n").unwrap();
    let error = FileSource::new(&dir.0).load().unwrap_err().to_string();
    assert!(error.ends_with("a.yaml:2: is not UTF-8"), "{error}");
}
