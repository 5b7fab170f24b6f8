//! The mesh of the demo: nine servers, the YAML that rules them, and a client.

use std::{error::Error, io, path::Path, time::Duration};

use http::HeaderValue;
use mesh_core::{Mesh, Seeded, cluster, mix, policy::Address};
use mesh_http::Client;
use mesh_xds::{FileSource, Registration, Registry};
use tokio::time::Instant;

use crate::{
    instance::{Health, Instance},
    once::Victim,
    services::{self, MISSING, PRODUCTPAGE, REVIEWS_VERSION},
    tally::{Page, Tally},
    view::Row,
};

/// Service and version of each instance, in the order of their keys.
const INSTANCES: [(&str, &str); 9] = [
    ("productpage", ""),
    ("details", ""),
    ("reviews", "v1"),
    ("reviews", "v1"),
    ("reviews", "v2"),
    ("reviews", "v2"),
    ("reviews", "v3"),
    ("ratings", ""),
    ("ratings", ""),
];
const PORT: u16 = 9080;

/// Everything that runs.
#[derive(Debug)]
pub(crate) struct Demo {
    pub(crate) mesh: Mesh,
    /// The reader's own, in front of productpage.
    pub(crate) client: Client,
    pub(crate) tally: Tally,
    instances: Vec<Instance>,
    _registrations: Vec<Registration>,
}

impl Demo {
    /// Starts the servers and loads the YAML of `config`. With a seed every client's draws repeat.
    pub(crate) async fn start(config: &Path, seed: Option<u64>) -> Result<Self, Box<dyn Error>> {
        let (mesh, tally, registry) = (Mesh::new(), Tally::default(), Registry::new());
        let client = |number: u64| {
            let builder = Client::builder(&mesh).recorder(tally.clone());
            match seed {
                Some(seed) => builder.random(Seeded::new(mix(seed ^ number))).build(),
                None => builder.build(),
            }
        };
        let (mut instances, mut registrations) = (Vec::new(), Vec::new());
        for (number, (service, version)) in (1..).zip(INSTANCES) {
            let peers = INSTANCES[..number]
                .iter()
                .filter(|i| **i == (service, version));
            let mut parts = vec![service.to_owned()];
            parts.extend((!version.is_empty()).then(|| version.to_owned()));
            parts.push(peers.count().to_string());
            let name = parts.join("-");
            let app = services::app(service, version, name.clone(), client(number as u64));
            let instance = Instance::start(name, (service, version), app, &tally).await?;
            let labels = [("app", service), ("version", version)];
            let labels = labels
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .collect();
            registrations.push(registry.register(service, PORT, instance.address, labels));
            instances.push(instance);
        }
        let source = FileSource::new(config).with_registry(registry);
        source.start(&mesh).await?;
        Ok(Self {
            client: client(0),
            mesh,
            tally,
            instances,
            _registrations: registrations,
        })
    }

    pub(crate) fn health(&self, index: usize) -> Option<Health> {
        Some(self.instances.get(index)?.health())
    }

    /// Kills or revives an instance.
    pub(crate) async fn set(&mut self, index: usize, health: Health) -> io::Result<()> {
        match self.instances.get_mut(index) {
            Some(instance) => instance.set(health).await,
            None => Ok(()),
        }
    }

    /// The first of at least two instances: the others must be able to stand in.
    pub(crate) fn victim(
        &self,
        service: &str,
        version: &str,
        how: Health,
        base_ejection: Option<Duration>,
    ) -> Option<Victim> {
        let is_one = |i: &&Instance| i.service == service && i.version == version;
        if self.instances.iter().filter(is_one).count() < 2 {
            return None;
        }
        let index = self.instances.iter().position(|i| is_one(&i))?;
        Some(Victim {
            index,
            name: self.instances[index].name.clone(),
            how,
            base_ejection,
        })
    }

    /// Attempts that the mesh sent to an instance.
    pub(crate) fn attempts(&self, index: usize) -> u64 {
        self.tally
            .attempts(&Address::from(self.instances[index].address))
    }

    pub(crate) fn is_ejected(&self, index: usize) -> bool {
        self.rows().get(index).is_some_and(|row| row.ejected)
    }

    /// Ejections since the start, of all clusters.
    pub(crate) fn ejections(&self) -> u64 {
        let snapshot = self.mesh.load();
        let clusters = snapshot.clusters().iter();
        clusters.map(|c| c.outlier_stats().enforced_total()).sum()
    }

    /// What the table shows. An endpoint may be in several clusters (one for each subset).
    pub(crate) fn rows(&self) -> Vec<Row> {
        let snapshot = self.mesh.load();
        let statuses: Vec<_> = snapshot
            .clusters()
            .iter()
            .flat_map(|c| c.endpoints())
            .collect();
        let rates = self.tally.rates(Instant::now().into_std());
        let row = |instance: &Instance| {
            let address = Address::from(instance.address);
            let mine = || statuses.iter().filter(|status| status.address == address);
            Row {
                name: instance.name.clone(),
                address: instance.address.to_string(),
                server: instance.health(),
                ejected: mine().any(|s| matches!(s.health, cluster::Health::Ejected { .. })),
                in_flight: mine().map(|s| u64::from(s.in_flight)).sum(),
                rate: rates.get(&address).copied().unwrap_or(0.0),
            }
        };
        self.instances.iter().map(row).collect()
    }
}

/// Fetches a page as its reader would.
pub(crate) async fn page(client: &Client, user: Option<&'static str>) -> Page {
    let started = Instant::now();
    let user = user.map(HeaderValue::from_static);
    let (version, text) = match services::fetch(client, PRODUCTPAGE, user.as_ref()).await {
        Ok((headers, text)) => match (headers.get(MISSING), headers.get(REVIEWS_VERSION)) {
            (None, Some(version)) => (Ok(String::from_utf8_lossy(version.as_bytes()).into()), text),
            _ => (Err(text.clone()), text),
        },
        Err(error) => (Err(error.clone()), error),
    };
    Page {
        version,
        latency: started.elapsed(),
        text,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use tokio::time::sleep;

    use super::*;

    /// Waits for something that must happen within `seconds`.
    async fn within(seconds: u64, mut done: impl FnMut() -> bool) -> bool {
        let end = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < end {
            if done() {
                return true;
            }
            sleep(Duration::from_millis(10)).await;
        }
        false
    }

    fn copy_of_the_config(name: &str) -> PathBuf {
        let to = std::env::temp_dir().join(format!("canary-{name}-{}", std::process::id()));
        fs::create_dir_all(&to).unwrap();
        for entry in fs::read_dir(crate::CONFIG).unwrap() {
            let from = entry.unwrap().path();
            fs::copy(&from, to.join(from.file_name().unwrap())).unwrap();
        }
        to
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_edit_takes_effect_and_a_broken_one_is_told() {
        let config = copy_of_the_config("edit");
        let file = config.join("reviews.yaml");
        let demo = Demo::start(&config, Some(1)).await.unwrap();
        let before = demo.mesh.status().version;
        assert_eq!(
            page(&demo.client, Some("jason")).await.version,
            Ok("v3".into())
        );

        let shipped = fs::read_to_string(&file).unwrap();
        fs::write(&file, shipped.replacen("subset: v3", "subset: v2", 1)).unwrap();
        // A second is what a user is promised; the rest is for a busy machine.
        assert!(within(10, || demo.mesh.status().version > before).await);
        assert_eq!(
            page(&demo.client, Some("jason")).await.version,
            Ok("v2".into())
        );

        let good = demo.mesh.status().version;
        fs::write(&file, shipped.replacen("weight: 90", "wieght: 90", 1)).unwrap();
        assert!(within(10, || demo.mesh.status().last_error.is_some()).await);
        let error = demo.mesh.status().last_error.unwrap();
        assert!(error.contains("reviews.yaml:28"), "{error}");
        assert!(error.contains("`weight`"), "names what was meant: {error}");
        assert_eq!(demo.mesh.status().version, good);
        assert_eq!(
            page(&demo.client, Some("jason")).await.version,
            Ok("v2".into())
        );

        fs::write(&file, shipped).unwrap();
        assert!(within(10, || demo.mesh.status().last_error.is_none()).await);
        assert_eq!(
            page(&demo.client, Some("jason")).await.version,
            Ok("v3".into())
        );
        fs::remove_dir_all(config).unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_killed_instance_refuses_fails_and_comes_back_on_its_port() {
        let mut demo = Demo::start(Path::new(crate::CONFIG), Some(2))
            .await
            .unwrap();
        let v3 = demo
            .rows()
            .iter()
            .position(|r| r.name == "reviews-v3-1")
            .unwrap();
        let address = demo.rows()[v3].address.clone();
        for dead in [Health::Refuses, Health::Answers503] {
            demo.set(v3, dead).await.unwrap();
            let refused = tokio::net::TcpStream::connect(&address).await.is_err();
            assert_eq!(refused, dead == Health::Refuses);
            // The only instance of its version: nobody can stand in.
            assert!(page(&demo.client, Some("jason")).await.version.is_err());
            demo.set(v3, Health::Up).await.unwrap();
            assert_eq!(demo.health(v3), Some(Health::Up));
            let mut whole = false;
            let end = Instant::now() + Duration::from_secs(20);
            while !whole && Instant::now() < end {
                whole = page(&demo.client, Some("jason")).await.version.is_ok();
                sleep(Duration::from_millis(20)).await;
            }
            assert!(whole, "it came back after its ejection");
        }
    }
}
