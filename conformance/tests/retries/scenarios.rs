//! What may happen to the attempts of a request.

use std::time::Duration;

use mesh_conformance::upstream::Act;

const SHORT: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_secs(60);

type Line = (&'static str, &'static str);

/// What happens to the attempts of a request.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) cluster: &'static str,
    pub(crate) acts: Vec<Act>,
    /// The route's timeout, and each try's.
    pub(crate) timeouts: [Option<Duration>; 2],
    /// The route's.
    pub(crate) max_stream_duration: Option<Duration>,
    /// Request headers that the route adds.
    pub(crate) added: &'static [Line],
    /// Method, body and headers.
    pub(crate) request: (&'static str, &'static str, &'static [Line]),
}

fn scenario(name: &'static str, acts: impl IntoIterator<Item = Act>) -> Scenario {
    Scenario {
        name,
        cluster: "a",
        acts: acts.into_iter().collect(),
        timeouts: [None; 2],
        max_stream_duration: None,
        added: &[],
        request: ("GET", "", &[]),
    }
}

fn says(status: u16) -> Act {
    Act::Answer(status, Vec::new())
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let statuses = [
        ("200", 200),
        ("400", 400),
        ("409", 409),
        ("418", 418),
        ("429", 429),
        ("500", 500),
        ("502", 502),
        ("503", 503),
        ("504", 504),
        ("599", 599),
    ];
    let mut all: Vec<_> = statuses
        .into_iter()
        .map(|(name, status)| scenario(name, [says(status)]))
        .collect();
    let grpc = ["1", "4", "8", "13", "14", "2"];
    all.extend(
        grpc.map(|status| scenario(status, [Act::Answer(200, vec![("grpc-status", status)])])),
    );
    let tried = |timeouts, scenario| Scenario {
        timeouts,
        ..scenario
    };
    let to = |cluster, scenario| Scenario {
        cluster,
        ..scenario
    };
    all.extend([
        scenario("503 once", [says(503), says(200)]),
        scenario("503 twice", [says(503), says(503), says(200)]),
        scenario("503, 409", [says(503), says(409), says(200)]),
        scenario(
            "rate limited",
            [Act::Answer(503, vec![("x-envoy-ratelimited", "true")])],
        ),
        scenario(
            "rate limited 200",
            [Act::Answer(200, vec![("x-envoy-ratelimited", "true")])],
        ),
        scenario("x-retry", [Act::Answer(200, vec![("x-retry", "1")])]),
        scenario("RST", [Act::Reset]),
        scenario("RST once", [Act::Reset, says(200)]),
        scenario("FIN", [Act::Close]),
        scenario("broken off in head", [Act::ResetInHead]),
        scenario("broken off in body", [Act::ResetInBody]),
        scenario("garbage", [Act::Garbage]),
        scenario("garbage once", [Act::Garbage, says(200)]),
        tried([Some(SHORT), None], scenario("stall", [Act::Stall])),
        tried(
            [Some(LONG), Some(SHORT)],
            scenario("tries stall", [Act::Stall]),
        ),
        tried(
            [Some(SHORT), None],
            scenario("stall after 503", [says(503), Act::Stall]),
        ),
        tried(
            [None, Some(SHORT)],
            scenario("unlimited tries stall", [Act::Stall]),
        ),
        tried(
            [Some(LONG), Some(SHORT)],
            scenario("first try stalls", [Act::Stall, says(200)]),
        ),
        // A try that may take as long as all of them.
        tried(
            [Some(SHORT), Some(SHORT)],
            scenario("tries stall as long", [Act::Stall]),
        ),
        tried(
            [Some(LONG), None],
            scenario("in time", [says(503), says(200)]),
        ),
        to("refused", scenario("refused", [])),
        to("empty", scenario("no endpoint", [])),
        to("missing", scenario("no cluster", [])),
        to("capped", scenario("no retry permit", [says(503)])),
        to("full", scenario("no request permit", [says(200)])),
        Scenario {
            request: ("POST", "a body", &[]),
            ..scenario("POST", [says(503), Act::Reset, says(200)])
        },
        Scenario {
            request: ("GET", "", &[("content-type", "application/grpc")]),
            ..scenario("gRPC RST", [Act::Reset])
        },
        Scenario {
            request: ("GET", "", &[("content-type", "application/grpc")]),
            ..to("refused", scenario("gRPC refused", []))
        },
    ]);
    all.extend(streams());
    all
}

/// How long a stream may last, as its route says or a header.
fn streams() -> Vec<Scenario> {
    const EACH: &[Line] = &[("x-envoy-upstream-stream-duration-ms", "150")];
    let each = |scenario| Scenario {
        added: EACH,
        ..scenario
    };
    let within = |scenario| Scenario {
        max_stream_duration: Some(SHORT),
        ..scenario
    };
    let mut all = vec![
        each(scenario("each stream stalls", [Act::Stall])),
        each(scenario("first stream stalls", [Act::Stall, says(200)])),
        each(scenario("stream stalls after 503", [says(503), Act::Stall])),
        each(scenario("stream in time", [says(503), says(200)])),
        each(scenario("stream stalls in body", [Act::StallInBody])),
        within(scenario("max_stream_duration", [Act::Stall])),
        within(scenario("max_stream_duration in body", [Act::StallInBody])),
        Scenario {
            request: ("GET", "", &[("content-type", "application/grpc")]),
            ..each(scenario("gRPC stream stalls", [Act::Stall]))
        },
        Scenario {
            request: ("GET", "", &[("content-type", "application/grpc")]),
            ..within(scenario("max_stream_duration, gRPC", [Act::Stall]))
        },
    ];
    // Beside the other limits.
    for (name, timeouts) in [
        ("stream stalls, long time", [Some(LONG), None]),
        ("stream stalls, long tries", [Some(LONG), Some(LONG)]),
        ("stream stalls, unlimited", [None, Some(LONG)]),
    ] {
        all.push(each(Scenario {
            timeouts,
            ..scenario(name, [Act::Stall])
        }));
    }
    for (name, timeouts) in [
        ("stream outlasts the time", [Some(SHORT), None]),
        ("stream outlasts its tries", [Some(LONG), Some(SHORT)]),
    ] {
        all.push(Scenario {
            timeouts,
            added: &[("x-envoy-upstream-stream-duration-ms", "20000")],
            ..scenario(name, [Act::Stall])
        });
    }
    all
}
