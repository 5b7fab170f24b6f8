//! A reload means what a fresh load means, whatever was edited in between.

use bolero::check;

use super::*;
use crate::FileSource;

/// What an edit may leave in a file: kinds that refer to each other, of few names, so that they meet
/// and contradict each other.
fn content(kind: u8, name: u8, value: u8) -> String {
    let host = format!("s{}", name % 4);
    let other = format!("s{}", value % 4);
    let name = format!("n{}", name % 3);
    match kind % 9 {
        0 => service("default", &format!("{host}.default.svc.cluster.local"), 80),
        1 => document(
            "ServiceEntry",
            "default",
            &name,
            &format!(
                "hosts: [{host}.example.com]\nports: [{{number: {}, protocol: TCP}}]\nresolution: \
                 STATIC\nendpoints: [{{address: 10.0.0.{value}}}]",
                9000 + u16::from(value % 2)
            ),
        ),
        2 => document(
            "VirtualService",
            "default",
            &name,
            &format!(
                "hosts: [{host}, \"*.example.com\"]\nhttp:\n- timeout: {value}s\n  route:\n  - \
                 destination: {{host: {other}, subset: v{}}}",
                value % 3
            ),
        ),
        3 => document(
            "VirtualService",
            "default",
            &name,
            &format!(
                "hosts: [{host}]\nhttp:\n- match: [{{uri: {{prefix: /{value}}}}}]\n  delegate: \
                 {{name: leaf}}\n- route:\n  - destination: {{host: {host}}}\n    weight: 9\n  - \
                 destination: {{host: {other}}}\n    weight: {value}"
            ),
        ),
        4 => document(
            "VirtualService",
            "default",
            "leaf",
            &format!(
                "http:\n- directResponse: {{status: {}}}",
                200 + u16::from(value)
            ),
        ),
        5 => document(
            "DestinationRule",
            "default",
            &name,
            &format!(
                "host: {host}\ntrafficPolicy:\n  outlierDetection: {{consecutive5xxErrors: \
                 {value}}}\nsubsets: [{{name: v{}, labels: {{version: v1}}}}]",
                value % 3
            ),
        ),
        6 => document(
            "Sidecar",
            "default",
            &name,
            &format!("egress: [{{hosts: [\"./{host}.default.svc.cluster.local\"]}}]"),
        ),
        7 => format!("line: {value}\nnot: an Istio document\n"),
        _ => String::new(),
    }
}

/// By another file put in its place, as careful writers do: no two edits look alike.
fn replace(dir: &TempDir, file: &str, text: &str) {
    dir.write(".new", text);
    fs::rename(dir.0.join(".new"), dir.0.join(file)).unwrap();
}

#[test]
fn any_edits() {
    let good = AtomicU32::new(0);
    check!()
        .with_type::<Vec<(u8, u8, u8, u8)>>()
        .with_iterations(300)
        .for_each(|edits| {
            let dir = TempDir::new();
            fs::create_dir(dir.0.join("b")).unwrap();
            let source = FileSource::new(&dir.0);
            let mut reloader = source.reloader();
            let mesh = Mesh::new();
            for (file, kind, name, value) in edits.iter().take(12) {
                let file =
                    ["a.yaml", "b/a.yaml", "b.yaml", "b/c.yml", "c.yaml"][usize::from(file % 5)];
                if kind % 16 == 15 {
                    let _ = fs::remove_file(dir.0.join(file));
                } else {
                    replace(&dir, file, &content(*kind, *name, *value));
                }
                let (fresh, again) = match (source.load(), reloader.load()) {
                    (Ok(fresh), Ok(again)) => (fresh, again),
                    (Err(fresh), Err(again)) => {
                        assert_eq!(fresh, again);
                        continue;
                    }
                    (fresh, again) => panic!("{fresh:?}\nbut again\n{again:?}"),
                };
                good.fetch_add(1, Ordering::Relaxed);
                assert_eq!(fresh.config, again.config);
                assert_eq!(fresh.notes, again.notes);
                assert_eq!(fresh.routes, again.routes);
                mesh.publish(again.config).unwrap();
                let snapshot = mesh.load();
                let routers = snapshot.routers().iter().map(|r| r.config());
                assert!(routers.eq(&fresh.config.routes));
                let clusters = snapshot.clusters().iter().map(|c| c.policy());
                assert!(clusters.eq(&fresh.config.clusters));
                for cluster in snapshot.clusters() {
                    let assigned = fresh.config.assignments.get(cluster.name());
                    assert!(assigned.is_none_or(|a| *a == cluster.assignment()));
                }
            }
        });
    // Most edits can be loaded, or nothing was compared.
    assert!(good.into_inner() > 500);
}
