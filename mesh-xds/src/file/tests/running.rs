//! What a mesh tells of the files that it runs by.

use std::time::Duration;

use mesh_core::{Mesh, Status};
use tokio::time::Instant;

use super::*;
use crate::FileSource;

/// A route that leads to a Service that there is not, and a document without meaning here.
const ROUTE: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{kind: Service, group: '', name: shop, port: 80}]
  rules:
  - backendRefs: [{name: cart, port: 80}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec: {}
";

const SERVICE: &str = "\
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec:
  ports: [{name: http, port: 80}]
---
";

/// Waits until the status of `mesh` is so, which it must soon be.
async fn until(mesh: &Mesh, what: &str, is: impl Fn(&Status) -> bool) -> Status {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let status = mesh.status();
        if is(&status) {
            return status;
        }
        assert!(
            Instant::now() < deadline,
            "not in time: {what}: {status:#?}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn told(status: &Status) -> Vec<String> {
    status.notes.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_running_source_tells_notes_and_route_statuses_after_every_edit() {
    let dir = TempDir::new();
    let shop = SERVICE.replace("NAME", "shop");
    let cart = SERVICE.replace("NAME", "cart");
    dir.write("a.yaml", &(shop.clone() + ROUTE));
    let mesh = Mesh::new();
    let source = FileSource::new(&dir.0);
    source.clone().start(&mesh).await.unwrap();

    let status = mesh.status();
    let loaded = source.load().unwrap();
    assert_eq!(
        (&status.notes, &status.routes),
        (&loaded.notes, &loaded.routes)
    );
    let notes = told(&status);
    assert!(
        notes
            .iter()
            .any(|n| n.contains("there is no Service default/cart")),
        "{notes:?}"
    );
    assert!(notes.iter().any(|n| n.contains("Deployment")), "{notes:?}");
    let parent = status.routes[0].parents[0].to_string();
    assert!(parent.contains("BackendNotFound"), "{parent}");
    assert_eq!(
        status.source,
        Some(format!("files in {}", dir.0.display()).into())
    );

    // A broken edit: what is said is still about what is in force.
    dir.write("a.yaml", "kind: [");
    let broken = until(&mesh, "error", |s| s.last_error.is_some()).await;
    assert_eq!(
        (&broken.notes, &broken.routes),
        (&status.notes, &status.routes)
    );

    dir.write("a.yaml", &(shop + &cart + ROUTE));
    let fixed = until(&mesh, "edit", |s| s.last_error.is_none()).await;
    let parent = fixed.routes[0].parents[0].to_string();
    assert!(parent.contains("ResolvedRefs=True"), "{parent}");
    let notes = told(&fixed);
    assert!(!notes.iter().any(|n| n.contains("cart")), "{notes:?}");
    assert!(notes.iter().any(|n| n.contains("Deployment")), "{notes:?}");
}

#[tokio::test]
async fn a_second_source_is_refused_by_the_name_of_the_first() {
    let (one, two) = (TempDir::new(), TempDir::new());
    one.write("a.yaml", &service("default", "a.com", 80));
    two.write("b.yaml", &service("default", "b.com", 81));
    let mesh = Mesh::new();
    FileSource::new(&one.0).start(&mesh).await.unwrap();
    let error = FileSource::new(&two.0).start(&mesh).await.unwrap_err();
    let first = format!(
        "`files in {}` publishes into this mesh already",
        one.0.display()
    );
    assert!(error.to_string().contains(&first), "{error}");
    assert_eq!(mesh.load().outbound_ports(), [80]);
}

#[tokio::test]
async fn a_start_that_fails_leaves_the_mesh_to_others() {
    let dir = TempDir::new();
    dir.write("a.yaml", "kind: [");
    let mesh = Mesh::new();
    FileSource::new(&dir.0).start(&mesh).await.unwrap_err();
    dir.write("a.yaml", &service("default", "a.com", 80));
    FileSource::new(&dir.0).start(&mesh).await.unwrap();
    assert_eq!(mesh.load().outbound_ports(), [80]);
}
