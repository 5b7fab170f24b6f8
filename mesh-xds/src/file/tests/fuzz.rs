//! The whole load path from hostile text: no panic, no hang, and the same answer twice.

use bolero::check;

use super::*;

/// Loads and forgets.
fn run(text: &str) {
    let client = client();
    let registry = Registry::new();
    let first = try_load_as(&client, &registry, text);
    let again = try_load_as(&client, &registry, text);
    match (first, again) {
        (Ok(a), Ok(b)) => assert_eq!((a.config, a.notes), (b.config, b.notes)),
        (Err(a), Err(b)) => assert_eq!(a, b),
        _ => panic!("it loads only sometimes"),
    }
}

fn seeds() -> Vec<u8> {
    let mut text = [
        "destination-rule.yaml",
        "virtual-service-weights.yaml",
        "virtual-service-user-agent.yaml",
    ]
    .map(seed)
    .join("\n---\n");
    // Two rules of one name would load only when a mutation has told them apart.
    if let Some(second) = text.rfind("name: recommendation\n") {
        text.replace_range(
            second..second + "name: recommendation".len(),
            "name: by-agent",
        );
    }
    text.push_str("\n---\n");
    text.push_str(&service("default", "a.com", 80));
    text.push_str(&gateway::seed());
    text.into_bytes()
}

#[test]
fn the_seeds_load() {
    load(&String::from_utf8(seeds()).unwrap());
}

#[test]
fn any_bytes() {
    check!().with_iterations(500).for_each(|bytes: &[u8]| {
        run(&String::from_utf8_lossy(bytes));
    });
}

#[test]
fn mutated_seeds() {
    let seeds = seeds();
    check!()
        .with_type::<Vec<(u16, u8, u8)>>()
        .with_iterations(500)
        .for_each(|edits| {
            let mut text = seeds.clone();
            for (at, kind, value) in edits.iter().take(8) {
                let at = usize::from(*at) % text.len();
                match kind % 4 {
                    0 => text[at] = *value,
                    1 => text.insert(at, b"{}[]:-&*!|>'\"%@#, \n\t"[usize::from(*value) % 20]),
                    2 => {
                        text.remove(at);
                    }
                    // A piece of the text again, somewhere else.
                    _ => {
                        let to = (at + usize::from(*value)).min(text.len());
                        let piece = text[at..to].to_vec();
                        text.splice(at..at, piece);
                    }
                }
            }
            run(&String::from_utf8_lossy(&text));
        });
}
