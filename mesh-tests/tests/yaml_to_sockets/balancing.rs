//! `loadBalancer.simple`, by where requests arrive.

use mesh_tests::{Bed, Reply, Server, document, until};

const URL: &str = "http://a/";

async fn servers<const N: usize>() -> [Server; N] {
    let mut servers = Vec::new();
    for n in 0..N {
        servers.push(Server::start(&format!("a{n}")).await);
    }
    servers.try_into().unwrap()
}

async fn balanced(simple: &str, servers: &[Server]) -> Bed {
    let addresses: Vec<_> = servers.iter().map(|s| s.address).collect();
    let bed = Bed::with(3, &addresses);
    let policy = format!("host: a\ntrafficPolicy: {{loadBalancer: {{simple: {simple}}}}}");
    bed.start(&document("DestinationRule", "a", &policy)).await;
    bed
}

#[tokio::test]
async fn round_robin_takes_turns() {
    let servers = servers::<3>().await;
    let bed = balanced("ROUND_ROBIN", &servers).await;
    let mut order = Vec::new();
    for _ in 0..30 {
        order.push(bed.get(URL).await.by);
    }
    assert_eq!(order[..27], order[3..], "the same turns again and again");
    assert_eq!(servers.map(|s| s.hits()), [10; 3]);
}

#[tokio::test]
async fn random_is_even_and_takes_no_turns() {
    let servers = servers::<3>().await;
    let bed = balanced("RANDOM", &servers).await;
    let (mut repeats, mut last) = (0, String::new());
    for _ in 0..900 {
        let by = bed.get(URL).await.by;
        repeats += usize::from(by == last);
        last = by;
    }
    // Binomial: 300 expected of each, and of repeats; standard deviation 14.1.
    for count in servers.map(|s| s.hits()).into_iter().chain([repeats]) {
        assert!((230..=370).contains(&count), "{count}");
    }
}

/// Two of the three draws fall on the same endpoint now and then, so the slow one still gets a
/// ninth; a balancer that does not look gives it a third.
#[tokio::test]
async fn least_request_avoids_the_busy() {
    for (simple, expected) in [("LEAST_REQUEST", 0..30), ("RANDOM", 40..100)] {
        let servers = servers::<3>().await;
        let bed = balanced(simple, &servers).await;
        let [slow, ..] = &servers;
        slow.hold(true);
        let mut waiting = Vec::new();
        for sent in 1..=180 {
            let client = bed.client.clone();
            let reply = async move { Reply::of(client.get(URL).send().await).await };
            waiting.push(tokio::spawn(reply));
            // One after the other, so that loads are what the balancer sees.
            let hits = || servers.iter().map(Server::hits).sum::<usize>();
            until("it arrives", || hits() == sent).await;
            let busy = || {
                bed.cluster()
                    .endpoints()
                    .iter()
                    .map(|e| e.in_flight)
                    .sum::<u32>()
            };
            until("the quick ones are idle", || busy() as usize == slow.hits()).await;
        }
        assert!(expected.contains(&slow.hits()), "{simple}: {}", slow.hits());
        slow.hold(false);
        for request in waiting {
            assert_eq!(request.await.unwrap().status, 200);
        }
    }
}
