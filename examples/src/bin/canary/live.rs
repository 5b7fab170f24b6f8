//! The live screen: draws ten times a second and does what the keys say.

use std::{
    error::Error,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use http::Request;
use tokio::{
    runtime::Runtime,
    sync::Semaphore,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval},
};

use crate::{
    demo::{Demo, page},
    expect::{Rules, Shares},
    instance::Health,
    services::{END_USER, REVIEWS},
    tally::Page,
    terminal::Terminal,
    view::{Bar, Pane, View, draw},
};

const FRAME: Duration = Duration::from_millis(100);
/// More pages than these are never under way at once; those that would be are not sent.
const MAX_UNDER_WAY: usize = 256;
const JASON: &str = "jason";

/// What the loop remembers between frames.
#[derive(Debug, Default)]
struct Screen {
    view: View,
    /// The version of the configuration that `shares` was read at.
    read_at: Option<u64>,
    shares: Option<Shares>,
    /// A request on its way, to be shown when it is back.
    asked: Option<JoinHandle<Page>>,
}

/// Runs until `q`.
pub(crate) fn run(
    runtime: &Runtime,
    mut demo: Demo,
    config: &Path,
    rate: u32,
) -> Result<(), Box<dyn Error>> {
    let stop = Arc::new(AtomicBool::new(false));
    let _guard = runtime.enter();
    let generator = generate(&demo, rate);
    tokio::spawn(terminated(stop.clone()));

    let mut screen = Screen::default();
    screen.view.edit = config.join("reviews.yaml").display().to_string();
    screen.view.kill = Health::Refuses;
    let mut terminal = Terminal::take()?;
    while !stop.load(Ordering::Relaxed) && !terminal.is_lost() {
        screen.refresh(&demo, config);
        if let Some(page) = screen.asked.take_if(|asked| asked.is_finished()) {
            screen.show(runtime.block_on(page)?);
        }
        let (width, height) = terminal.size();
        terminal.draw(&draw(&screen.view, width, height))?;
        let frame = Instant::now() + FRAME;
        while event::poll(frame.saturating_duration_since(Instant::now()))? {
            if let Event::Key(key) = event::read()?
                && key.kind == KeyEventKind::Press
                && screen.press(key, &mut demo, runtime)
            {
                stop.store(true, Ordering::Relaxed);
                break;
            }
        }
    }
    generator.abort();
    if terminal.is_lost() {
        return Err("a part of the demo panicked; see above".into());
    }
    Ok(())
}

impl Screen {
    fn refresh(&mut self, demo: &Demo, config: &Path) {
        let now = Instant::now().into_std();
        let status = demo.mesh.status();
        self.view.version = status.version;
        self.view.error = status.last_error;
        if self.read_at != Some(status.version) {
            self.read_at = Some(status.version);
            self.shares = Rules::read(config, "reviews")
                .and_then(|rules| rules.shares("/reviews/1", &[]))
                .ok();
        }
        let measured = demo.tally.shares(now);
        let bar = |version: &str| Bar {
            version: version.to_owned(),
            configured: self
                .shares
                .as_ref()
                .map(|shares| shares.get(version).copied().unwrap_or(0.0)),
            measured: measured.get(version).copied().unwrap_or(0.0),
        };
        self.view.bars = ["v1", "v2", "v3"].map(bar).into();

        self.view.rows = demo.rows();
        self.view.numbers = demo.tally.numbers(now);
        self.view.numbers.ejections = demo.ejections();
    }

    fn show(&mut self, page: Page) {
        self.view.pane = Some(Pane {
            title: format!("a request with end-user: {JASON}, and who answered"),
            lines: page.text.lines().map(str::to_owned).collect(),
        });
    }

    /// Whether to quit.
    fn press(&mut self, key: KeyEvent, demo: &mut Demo, runtime: &Runtime) -> bool {
        match key.code {
            KeyCode::Char('q') => return true,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return true,
            KeyCode::Char('k') => {
                self.view.kill = match self.view.kill {
                    Health::Refuses => Health::Answers503,
                    _ => Health::Refuses,
                };
            }
            KeyCode::Char(digit @ '1'..='9') => {
                let index = usize::from(digit as u8 - b'1');
                let next = match demo.health(index) {
                    Some(Health::Up) => self.view.kill,
                    _ => Health::Up,
                };
                if let Err(error) = runtime.block_on(demo.set(index, next)) {
                    self.view.pane = Some(Pane {
                        title: format!("instance {digit} cannot listen again"),
                        lines: vec![error.to_string()],
                    });
                }
            }
            KeyCode::Char('h') => {
                let client = demo.client.clone();
                self.asked = Some(runtime.spawn(async move { page(&client, Some(JASON)).await }));
            }
            KeyCode::Char('e') => self.view.pane = Some(explain(demo)),
            KeyCode::Esc => self.view.pane = None,
            _ => {}
        }
        false
    }
}

/// Why reviews are where they are for jason: every rule tried, with its line.
fn explain(demo: &Demo) -> Pane {
    let request = Request::get(REVIEWS).header(END_USER, JASON).body(());
    let report = match request.map(|request| demo.client.explain(&request)) {
        Ok(Ok(explanation)) => explanation.to_string(),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    Pane {
        title: format!("explain GET {REVIEWS} with end-user: {JASON}"),
        lines: report.lines().map(str::to_owned).collect(),
    }
}

/// Reads pages at a steady rate, however long they take.
fn generate(demo: &Demo, rate: u32) -> JoinHandle<()> {
    let (client, tally) = (demo.client.clone(), demo.tally.clone());
    let slots = Arc::new(Semaphore::new(MAX_UNDER_WAY));
    tokio::spawn(async move {
        let mut tick = interval(Duration::from_secs(1) / rate);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tick.tick().await;
            let Ok(slot) = slots.clone().try_acquire_owned() else {
                continue;
            };
            let (client, tally) = (client.clone(), tally.clone());
            tokio::spawn(async move {
                let page = page(&client, None).await;
                tally.page(page, Instant::now().into_std());
                drop(slot);
            });
        }
    })
}

/// Sets `stop` when the process is told to end, so that the terminal is given back.
#[cfg(unix)]
async fn terminated(stop: Arc<AtomicBool>) {
    use tokio::signal::unix::{SignalKind, signal};
    if let Ok(mut signal) = signal(SignalKind::terminate()) {
        signal.recv().await;
        stop.store(true, Ordering::Relaxed);
    }
}

#[cfg(not(unix))]
async fn terminated(_: Arc<AtomicBool>) {}
