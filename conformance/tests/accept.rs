//! What files are translated into is configuration that a real Envoy accepts.
//!
//! Every set of documents that loads goes through [`FileSource`]; its [`Config`] in Envoy's words goes
//! through `envoy --mode validate`: all sets at once, and halves of them to find who is rejected.

#[path = "../../mesh-xds/src/file/tests/every_field/probes/mod.rs"]
mod probes;

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use mesh_conformance::{
    Result,
    differences::NOT_ENVOYS,
    envoy::{Rejected, validate},
    translate::{NotEnvoys, config_resources},
};
use mesh_core::{Config, policy::Locality};
use mesh_xds::{EnvoySource, FileSource};
use serde_json::{Value, json};

/// A set of documents that belong together.
struct Set {
    name: String,
    texts: Vec<String>,
}

fn set(name: impl Into<String>, text: impl Into<String>) -> Set {
    Set {
        name: name.into(),
        texts: vec![text.into()],
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) -> Result {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, found)?;
        } else if path.extension().is_some_and(|e| e == "yaml") {
            found.push(path);
        }
    }
    found.sort();
    Ok(())
}

/// Every file of the project by itself, and the files of each directory together.
fn project() -> Result<Vec<Set>> {
    let mut paths = Vec::new();
    for dir in [
        "examples",
        "mesh-xds/tests/seeds",
        "mesh-cli/tests/fixtures",
    ] {
        files(&root().join(dir), &mut paths)?;
    }
    let mut sets = Vec::new();
    let mut directories: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for path in paths {
        let text = fs::read_to_string(&path)?;
        let parent = path.parent().unwrap_or(&path).to_path_buf();
        directories.entry(parent).or_default().push(text.clone());
        sets.push(set(path.to_string_lossy(), text));
    }
    sets.extend(directories.into_iter().map(|(path, texts)| Set {
        name: path.to_string_lossy().into_owned(),
        texts,
    }));
    Ok(sets)
}

/// The documents in the project's guides.
fn guides() -> Result<Vec<Set>> {
    let mut sets = Vec::new();
    let docs = fs::read_dir(root().join("docs"))?;
    let docs: Result<Vec<_>> = docs.map(|entry| Ok(entry?.path())).collect();
    for path in docs?.into_iter().chain([root().join("README.md")]) {
        let text = fs::read_to_string(&path)?;
        let blocks = text.split("```yaml\n").skip(1);
        let blocks = blocks.filter_map(|rest| rest.split("```").next());
        sets.extend(blocks.map(|block| set(path.to_string_lossy(), block)));
    }
    Ok(sets)
}

/// Every field of every message once, and every document without any.
fn fields() -> Vec<Set> {
    let mut sets = Vec::new();
    for probe in probes::probes() {
        sets.push(set(probe.schema, probe.document.replace('@', "")));
        for (field, value) in probe.fields {
            let text = probe.document.replace('@', &format!("{field}: {value}"));
            sets.push(set(format!("{}.{field}", probe.schema), text));
        }
    }
    sets
}

/// What tests of other crates have left in `MESH_TEST_DOCUMENTS`; `cargo xtask test` collects it.
fn recorded() -> Result<Vec<Set>> {
    let Some(dir) = env::var_os("MESH_TEST_DOCUMENTS") else {
        println!("MESH_TEST_DOCUMENTS is not set: the documents of tests are not asked about");
        return Ok(Vec::new());
    };
    let mut paths = Vec::new();
    files(Path::new(&dir), &mut paths)?;
    // Of a directory that is given, an empty one is no proof.
    let of = |crate_name: &str| {
        let named = |path: &&PathBuf| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(crate_name))
        };
        paths.iter().filter(named).count()
    };
    let (xds, sockets) = (of("mesh-xds-"), of("mesh-tests-"));
    assert!(
        xds >= 400 && sockets >= 30,
        "{xds} and {sockets} documents in {dir:?}"
    );
    let read = |path: PathBuf| Ok(set(path.to_string_lossy(), fs::read_to_string(&path)?));
    paths.into_iter().map(read).collect()
}

/// What the documents mean; `None` when they do not load, which other tests are about.
fn load(set: &Set) -> Result<Option<Config>> {
    static LOADED: AtomicU32 = AtomicU32::new(0);
    let number = LOADED.fetch_add(1, Ordering::Relaxed);
    let dir = env::temp_dir().join(format!("mesh-accept-{}-{number}", std::process::id()));
    fs::create_dir_all(&dir)?;
    for (index, text) in set.texts.iter().enumerate() {
        fs::write(dir.join(format!("{index}.yaml")), text)?;
    }
    let loaded = FileSource::new(&dir)
        .with_labels([("app", "web")].into_iter().collect())
        .with_locality(Locality {
            region: "r1".into(),
            zone: "z1".into(),
            sub_zone: "s1".into(),
        })
        .load();
    fs::remove_dir_all(&dir)?;
    Ok(loaded.ok().map(|loaded| loaded.config))
}

/// The resources of all sets, under names that no two have.
fn merged(sets: &[(String, Value)]) -> Value {
    let mut listeners = Vec::new();
    let mut clusters = Vec::new();
    for (index, (_, resources)) in sets.iter().enumerate() {
        for (kind, all) in [("listeners", &mut listeners), ("clusters", &mut clusters)] {
            for resource in resources[kind].as_array().into_iter().flatten() {
                let mut resource = resource.clone();
                let name = resource["name"].as_str().unwrap_or_default();
                resource["name"] = json!(format!("{index}/{name}"));
                if kind == "clusters" {
                    resource["load_assignment"]["cluster_name"] = resource["name"].clone();
                }
                all.push(resource);
            }
        }
    }
    json!({"listeners": listeners, "clusters": clusters})
}

/// Which sets Envoy rejects, and what it says.
fn rejected(sets: &[(String, Value)]) -> Result<Vec<String>> {
    let Err(error) = validate(&merged(sets)) else {
        return Ok(Vec::new());
    };
    if !error.is::<Rejected>() {
        return Err(error);
    }
    if let [(name, resources)] = sets {
        return Ok(vec![format!("{name}: {error}\n{resources:#}")]);
    }
    let (left, right) = sets.split_at(sets.len() / 2);
    let mut found = rejected(left)?;
    found.extend(rejected(right)?);
    Ok(found)
}

#[test]
fn envoy_accepts_every_translated_config() -> Result {
    let mut sets = project()?;
    let of_files = sets.len();
    sets.extend(guides()?);
    sets.extend(fields());
    sets.extend(recorded()?);
    let (mut translated, mut excluded) = (Vec::new(), BTreeMap::<&str, usize>::new());
    let mut loaded_files = 0;
    for (index, set) in sets.iter().enumerate() {
        let Some(config) = load(set)? else {
            continue;
        };
        loaded_files += usize::from(index < of_files);
        match config_resources(&config) {
            Ok(resources) => {
                // What Envoy is given, the mesh reads as well.
                let text = json!({"static_resources": resources}).to_string();
                if let Err(error) = EnvoySource::parse("envoy.json", &text) {
                    return Err(format!("{}: {error}\n{resources:#}", set.name).into());
                }
                translated.push((set.name.clone(), resources));
            }
            Err(error) => match error.downcast_ref::<NotEnvoys>() {
                Some(NotEnvoys(name)) => *excluded.entry(name).or_default() += 1,
                None => return Err(format!("{}: {error}", set.name).into()),
            },
        }
    }
    println!(
        "{} of {} sets of documents load, {loaded_files} of them files; excluded: {excluded:?}",
        translated.len(),
        sets.len()
    );
    let known = |name: &&str| NOT_ENVOYS.iter().any(|(known, _)| known == name);
    assert!(excluded.keys().all(known), "{excluded:?}");
    // Most of what is collected is about one field; little of it must be lost.
    assert!(loaded_files >= 8, "{loaded_files}");
    assert!(translated.len() >= 300, "{}", translated.len());
    let rejected = rejected(&translated)?;
    assert!(
        rejected.is_empty(),
        "Envoy rejects {} of {}:\n\n{}",
        rejected.len(),
        translated.len(),
        rejected.join("\n\n")
    );
    Ok(())
}

/// The test above can fail: one that is wrong among many is found.
#[test]
fn a_config_that_envoy_rejects_is_found() -> Result {
    let text = "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: a}, spec: \
                {hosts: [a.com], ports: [{number: 80}], resolution: STATIC, endpoints: [{address: \
                10.0.0.1}]}}";
    let config = load(&set("good", text))?.ok_or("it does not load")?;
    let good = config_resources(&config)?;
    let mut bad = good.clone();
    bad["clusters"][0]["connect_timeout"] = json!("-1s");
    let sets: Vec<_> = (0..7)
        .map(|n| match n {
            4 => ("bad".to_owned(), bad.clone()),
            _ => ("good".to_owned(), good.clone()),
        })
        .collect();
    let rejected = rejected(&sets)?;
    assert_eq!(rejected.len(), 1, "{rejected:#?}");
    assert!(rejected[0].starts_with("bad: "), "{rejected:#?}");
    Ok(())
}
