//! Edits while the mesh runs.

use std::{fs, os::unix::fs::symlink, time::Duration};

use mesh_tests::{Bed, Server, document, line_of, until, virtual_service};
use tokio::time::Instant;

const URL: &str = "http://a/";

/// Two versions of `a`, all traffic to one of them.
async fn versions() -> (Bed, [Server; 2]) {
    let servers = [Server::start("v1").await, Server::start("v2").await];
    let mut bed = Bed::new(1);
    bed.add("a", 80, "v1", servers[0].address);
    bed.add("a", 80, "v2", servers[1].address);
    bed.dir.write(
        "rule.yaml",
        &document(
            "DestinationRule",
            "a",
            "host: a\nsubsets:\n- {name: v1, labels: {version: v1}}\n- {name: v2, labels: {version: v2}}",
        ),
    );
    (bed, servers)
}

fn weights(v1: u32, v2: u32) -> String {
    virtual_service(
        "a",
        &format!(
            "- route:\n  - destination: {{host: a, subset: v1}}\n    weight: {v1}\n  \
             - destination: {{host: a, subset: v2}}\n    weight: {v2}"
        ),
    )
}

/// Asks until `version` answers; tells how long that took.
async fn until_answered_by(bed: &Bed, version: &str) -> Duration {
    let began = Instant::now();
    while bed.get(URL).await.by != version {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{version} never answered"
        );
    }
    began.elapsed()
}

#[tokio::test]
async fn an_edit_moves_traffic_within_a_second() {
    let (bed, _servers) = versions().await;
    bed.start(&weights(100, 0)).await;
    assert_eq!(bed.get(URL).await.by, "v1");
    let mut took = Vec::new();
    for (v1, v2, by) in [(0, 100, "v2"), (100, 0, "v1"), (0, 100, "v2")] {
        bed.dir.write("mesh.yaml", &weights(v1, v2));
        took.push(until_answered_by(&bed, by).await);
    }
    println!("an edit took {took:?} to move traffic");
    // A loaded machine may be late now and then; it is not late every time.
    assert!(
        took.iter().any(|took| *took < Duration::from_secs(1)),
        "{took:?}"
    );
}

#[tokio::test]
async fn a_broken_edit_keeps_the_last_good_config_and_names_the_line() {
    let (bed, _servers) = versions().await;
    let good = weights(100, 0);
    bed.start(&good).await;
    let broken = good.replace("weight: 0", "wieght: 100");
    bed.dir.write("mesh.yaml", &broken);
    until("the error is told", || {
        bed.mesh.status().last_error.is_some()
    })
    .await;
    let error = bed.mesh.status().last_error.unwrap();
    let place = format!(
        "mesh.yaml:{}: spec.http[0].route[1].wieght",
        line_of(&broken, "wieght")
    );
    assert!(error.contains(&place), "{error} has no {place}");
    assert!(error.contains("`weight`"), "names what was meant: {error}");
    assert_eq!(bed.get(URL).await.by, "v1");
    assert_eq!(bed.mesh.status().version, 1);

    bed.dir.write("mesh.yaml", &weights(0, 100));
    until_answered_by(&bed, "v2").await;
    assert_eq!(bed.mesh.status().last_error, None);
}

/// Kubernetes mounts a ConfigMap as a link to a directory, and swaps the link.
#[tokio::test]
async fn a_swapped_config_map_moves_traffic() {
    let (bed, _servers) = versions().await;
    let root = bed.dir.path();
    let swap = |n: u32, text: &str| {
        let data = format!("..2026_{n}");
        fs::create_dir(root.join(&data)).unwrap();
        fs::write(root.join(&data).join("weights.yaml"), text).unwrap();
        symlink(&data, root.join("..data_tmp")).unwrap();
        fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
    };
    swap(1, &weights(100, 0));
    symlink("..data/weights.yaml", root.join("weights.yaml")).unwrap();
    bed.source().start(&bed.mesh).await.unwrap();
    assert_eq!(bed.get(URL).await.by, "v1");
    swap(2, &weights(0, 100));
    fs::remove_dir_all(root.join("..2026_1")).unwrap();
    until_answered_by(&bed, "v2").await;
    assert_eq!(bed.mesh.status().last_error, None);
}

#[tokio::test]
async fn endpoints_join_and_leave() {
    let (mut bed, [v1, v2]) = versions().await;
    bed.start("").await;
    let new = Server::start("new").await;
    bed.add("a", 80, "v3", new.address);
    until_answered_by(&bed, "new").await;
    drop(
        bed.registry
            .register("a", 80, new.address, Default::default()),
    );
    // The registrations of `bed` go, one that is made now stays.
    let stays = bed
        .registry
        .register("a", 80, v2.address, Default::default());
    bed.leave();
    until("one endpoint is left", || {
        bed.cluster().endpoints().len() == 1
    })
    .await;
    let before = [v1.hits(), new.hits()];
    for _ in 0..20 {
        assert_eq!(bed.get(URL).await.by, "v2");
    }
    assert_eq!([v1.hits(), new.hits()], before);
    until("connections to those that left are closed", || {
        v1.open() + new.open() == 0
    })
    .await;
    drop(stays);
    until("no endpoint is left", || {
        bed.cluster().endpoints().is_empty()
    })
    .await;
    assert_eq!(bed.get(URL).await.outcome(), (503, "UH"));
}
