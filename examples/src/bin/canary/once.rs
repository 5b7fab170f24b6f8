//! `--once`: a fixed amount of traffic, then what was measured beside what the YAML says.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use mesh_http::{Client, Context, trace_context::TraceContext};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{
    demo::{Demo, page},
    expect::{Rules, Shares, plausible},
    instance::Health,
};

/// Enough to tell 90/10 from 85/15.
const PAGES: u64 = 1200;
const PINNED: u64 = 200;
/// Requests under way at a time.
const READERS: u64 = 8;
/// How long anything that must happen may take, beyond the time the YAML gives it.
const PATIENCE: Duration = Duration::from_secs(10);
const JASON: &str = "jason";
const PATH: &str = "/reviews/1";

/// What was checked, as a table.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<[String; 4]>,
    failed: bool,
}

/// Sends the traffic and compares it with the YAML in `expect`.
pub(crate) async fn run(demo: &mut Demo, expect: &Path) -> Result<Report, String> {
    let reviews = Rules::read(expect, "reviews")?;
    let anyone = reviews.shares(PATH, &[])?;
    let jason = reviews.shares(PATH, &[("end-user", JASON)])?;
    let mut report = Report::default();

    let pages = split(&demo.client, PAGES, None).await?;
    report.shares("anyone", &anyone, &pages);
    let pages = split(&demo.client, PINNED, Some(JASON)).await?;
    report.shares(JASON, &jason, &pages);
    // Reviews v1 asks for no ratings.
    let rated = |shares: &Shares| shares.iter().any(|(v, share)| v != "v1" && *share > 0.0);
    if rated(&jason) {
        context(&demo.client, &mut report).await;
    }

    let mut victims = Vec::new();
    let largest = anyone.iter().max_by(|a, b| a.1.total_cmp(b.1));
    if let Some((version, _)) = largest
        && reviews.retries(PATH, &[])?
        && reviews.retries(PATH, &[("end-user", JASON)])?
    {
        let base = reviews.base_ejection();
        victims.extend(demo.victim("reviews", version, Health::Refuses, base));
    }
    let ratings = Rules::read(expect, "ratings")?;
    if (rated(&anyone) || rated(&jason)) && ratings.retries("/ratings/1", &[])? {
        let base = ratings.base_ejection();
        victims.extend(demo.victim("ratings", "", Health::Answers503, base));
    }
    failures(demo, &victims, &mut report).await?;
    Ok(report)
}

/// An instance to kill.
#[derive(Clone, Debug)]
pub(crate) struct Victim {
    pub(crate) index: usize,
    pub(crate) name: String,
    pub(crate) how: Health,
    /// How long the YAML ejects it; `None`: not at all.
    pub(crate) base_ejection: Option<Duration>,
}

/// The versions that `count` pages show; pages that are not whole stand under their error.
async fn split(
    client: &Client,
    count: u64,
    user: Option<&'static str>,
) -> Result<BTreeMap<String, u64>, String> {
    let left = Arc::new(AtomicU64::new(count));
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let (client, left) = (client.clone(), left.clone());
        readers.spawn(async move {
            let mut seen = Vec::new();
            let take = |n: u64| n.checked_sub(1);
            while left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
                .is_ok()
            {
                seen.push(page(&client, user).await.version.unwrap_or_else(|e| e));
            }
            seen
        });
    }
    let mut counts = BTreeMap::new();
    while let Some(seen) = readers.join_next().await {
        for version in seen.map_err(|e| e.to_string())? {
            *counts.entry(version).or_default() += 1;
        }
    }
    Ok(counts)
}

/// One page with a trace and a deadline: both must reach ratings, three calls further on.
async fn context(client: &Client, report: &mut Report) {
    const DEADLINE: Duration = Duration::from_millis(2500);
    let trace = TraceContext::root([7, 8, 9], true);
    let id = format!("trace={:032x}", trace.trace_id());
    let deadline = (Instant::now() + DEADLINE).into_std();
    let context = Context::new().with_trace(trace).with_deadline(deadline);
    let page = context.scope(page(client, Some(JASON))).await;

    let mut lines = page.text.lines().map(str::trim_start);
    let ratings = lines.find(|l| l.starts_with("ratings")).unwrap_or("");
    let left = ratings
        .split_whitespace()
        .find_map(|word| word.strip_prefix("left=")?.strip_suffix("ms")?.parse().ok())
        .map(Duration::from_millis);
    let same = ratings.contains(&id);
    report.check(
        "trace at ratings",
        "ours",
        if same { "ours" } else { "another" },
        same,
    );
    report.check(
        "deadline at ratings",
        format!("at most {DEADLINE:?} left"),
        left.map_or("none".to_owned(), |left| format!("{left:?}")),
        left.is_some_and(|left| left <= DEADLINE),
    );
}

/// Kills `victims` under traffic: no page may fail, they must be ejected, and come back.
async fn failures(demo: &mut Demo, victims: &[Victim], report: &mut Report) -> Result<(), String> {
    if victims.is_empty() {
        report.note(
            "killed instances",
            "skipped: the YAML does not retry 503 and refusals",
        );
        return Ok(());
    }
    let retries = demo.tally.retries();
    let stop = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for i in 0..READERS {
        let (client, stop) = (demo.client.clone(), stop.clone());
        readers.spawn(async move {
            let (mut count, mut errors) = (0_u64, Vec::new());
            while !stop.load(Ordering::Relaxed) {
                let user = ((count + i) % 2 == 0).then_some(JASON);
                errors.extend(page(&client, user).await.version.err());
                count += 1;
            }
            (count, errors)
        });
    }

    let ejectable: Vec<_> = victims
        .iter()
        .filter(|v| v.base_ejection.is_some())
        .collect();
    let all = |demo: &Demo, ejected: bool| {
        let mut ejectable = ejectable.iter();
        ejectable.all(|v| demo.is_ejected(v.index) == ejected)
    };
    sleep(Duration::from_millis(200)).await;
    for victim in victims {
        demo.set(victim.index, victim.how)
            .await
            .map_err(|e| e.to_string())?;
    }
    let ejected = until(PATIENCE, || all(demo, true)).await;
    // Traffic goes around them for a while.
    sleep(Duration::from_millis(300)).await;
    let tried: Vec<_> = victims.iter().map(|v| demo.attempts(v.index)).collect();
    for victim in victims {
        demo.set(victim.index, Health::Up)
            .await
            .map_err(|e| e.to_string())?;
    }
    let base = victims.iter().filter_map(|v| v.base_ejection).max();
    let back = until(base.unwrap_or_default() * 2 + PATIENCE, || {
        all(demo, false)
            && victims
                .iter()
                .zip(&tried)
                .all(|(v, n)| demo.attempts(v.index) > *n)
    })
    .await;
    stop.store(true, Ordering::Relaxed);

    let (mut pages, mut errors) = (0, BTreeSet::new());
    let mut failed = 0;
    while let Some(reader) = readers.join_next().await {
        let (count, found) = reader.map_err(|e| e.to_string())?;
        pages += count;
        failed += found.len();
        errors.extend(found);
    }
    let names: Vec<_> = victims
        .iter()
        .map(|v| format!("{} {}", v.name, v.how.as_str()))
        .collect();
    report.note("killed under traffic", names.join(", "));
    report.check(
        "failed pages",
        "0",
        format!("{failed} of {pages}"),
        failed == 0,
    );
    for error in errors.iter().take(3) {
        report.note("", error);
    }
    let retried = demo.tally.retries() - retries;
    report.check("retries", "some", retried.to_string(), retried > 0);
    if !ejectable.is_empty() {
        let said = |yes| if yes { "yes" } else { "no" };
        report.check("ejected", "yes", said(ejected), ejected);
        report.check("revived and back", "yes", said(back), back);
    }
    Ok(())
}

/// Whether `done` becomes true within `patience`.
async fn until(patience: Duration, mut done: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + patience;
    while !done() {
        if Instant::now() > end {
            return false;
        }
        sleep(Duration::from_millis(10)).await;
    }
    true
}

impl Report {
    pub(crate) const fn failed(&self) -> bool {
        self.failed
    }

    fn check(
        &mut self,
        what: impl Into<String>,
        expected: impl Into<String>,
        measured: impl Into<String>,
        ok: bool,
    ) {
        self.failed |= !ok;
        let verdict = if ok { "ok" } else { "WRONG" };
        self.rows.push([
            what.into(),
            expected.into(),
            measured.into(),
            verdict.into(),
        ]);
    }

    fn note(&mut self, what: impl Into<String>, text: impl Into<String>) {
        self.rows
            .push([what.into(), text.into(), String::new(), String::new()]);
    }

    /// Versions that nobody expects, and failures, have a share of 0.
    fn shares(&mut self, who: &str, expected: &Shares, counts: &BTreeMap<String, u64>) {
        let n = counts.values().sum();
        let versions: BTreeSet<_> = expected.keys().chain(counts.keys()).collect();
        for version in versions {
            let share = expected.get(version).copied().unwrap_or(0.0);
            let count = counts.get(version).copied().unwrap_or(0);
            let bound = plausible(n, share);
            self.check(
                format!("{who} → {version}"),
                format!(
                    "{:.1} % ({} to {})",
                    share * 100.0,
                    bound.start(),
                    bound.end()
                ),
                format!("{count} of {n}"),
                bound.contains(&count),
            );
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["reviews", "the YAML says", "measured", ""].map(str::to_owned);
        for [what, expected, measured, verdict] in std::iter::once(&head).chain(&self.rows) {
            let line = format!("{what:<22} {expected:<26} {measured:<14} {verdict}");
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(expected: &[(&str, f64)], counts: &[(&str, u64)]) -> Report {
        let mut report = Report::default();
        let expected = expected
            .iter()
            .map(|(v, s)| ((*v).to_owned(), *s))
            .collect();
        let counts = counts.iter().map(|(v, n)| ((*v).to_owned(), *n)).collect();
        report.shares("anyone", &expected, &counts);
        report
    }

    #[test]
    fn a_wrong_split_a_stray_version_and_a_failure_are_wrong() {
        let yaml = [("v1", 0.9), ("v2", 0.1)];
        assert!(!report(&yaml, &[("v1", 1795), ("v2", 205)]).failed());
        assert!(report(&yaml, &[("v1", 1600), ("v2", 400)]).failed());
        assert!(
            report(&yaml, &[("v1", 200), ("v2", 1800)]).failed(),
            "swapped"
        );
        assert!(report(&yaml, &[("v1", 1795), ("v2", 204), ("v3", 1)]).failed());
        assert!(report(&yaml, &[("v1", 1795), ("v2", 204), ("502", 1)]).failed());
        assert!(report(&[("v3", 1.0)], &[("v3", 199), ("v1", 1)]).failed());
        assert!(!report(&[("v3", 1.0)], &[("v3", 200)]).failed());
    }

    #[test]
    fn the_table_shows_bounds_and_verdicts() {
        let table = report(&[("v1", 1.0)], &[("v1", 3), ("v2", 1)]).to_string();
        assert!(
            table
                .contains("anyone → v1            100.0 % (4 to 4)           3 of 4         WRONG"),
            "{table}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends() {
        assert!(!until(PATIENCE, || false).await);
        let mut polls = 0;
        assert!(
            until(PATIENCE, || {
                polls += 1;
                polls > 3
            })
            .await
        );
    }
}
