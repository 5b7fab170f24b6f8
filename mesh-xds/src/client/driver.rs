//! The task of a client: it moves messages between streams and state machines, and tells the
//! sources what has changed.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use mesh_core::Random;
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::sleep_until,
};

use super::{
    ads::{Command as AdsCommand, Kind, Protocol},
    authorities::Authorities,
    cache::Cache,
    cascade::Scope,
    connect::KeepAlive,
    consumer::Consumer,
    csds::{self, ClientConfig},
    status::{self, XdsStatus},
    transport::{Link, LinkEvent, LinkId, Target},
    wire,
};
use crate::{bootstrap::Bootstrap, pb::core::Node};

/// Sources look at what has changed once nothing has for so long, so that a push of all types is
/// seen as one.
const QUIET: Duration = Duration::from_millis(2);

/// They look at the latest after so long.
const BUSY: Duration = Duration::from_millis(50);

/// Events that may wait to be read; each may be a large message.
const EVENTS: usize = 2;

/// What handles ask of the client.
pub(super) enum Command {
    Add(u64, Box<Consumer>),
    Remove(u64),
    /// A source wants a target: its listener and host.
    /// Answered with how many looks were taken before: the next one sees it.
    Subscribe(u64, Arc<str>, Arc<str>, oneshot::Sender<u64>),
    Unsubscribe(u64, Arc<str>),
    /// A call of a source's mesh wants a target, and to hear what has become of it.
    Ask(u64, Arc<str>, Arc<str>, oneshot::Sender<Result<(), String>>),
    Status(u64, oneshot::Sender<XdsStatus>),
    /// What the client holds.
    Csds(oneshot::Sender<Box<ClientConfig>>),
}

/// What does not change.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) bootstrap: Arc<Bootstrap>,
    pub(super) protocol: Protocol,
    pub(super) wildcard: bool,
    pub(super) keep_alive: KeepAlive,
    /// The file with the last good resources.
    pub(super) cache: Option<PathBuf>,
}

struct Driver {
    settings: Settings,
    node: Arc<Node>,
    authorities: Authorities,
    consumers: BTreeMap<u64, Consumer>,
    links: HashMap<LinkId, Link>,
    generations: u64,
    events: mpsc::Sender<(LinkId, u64, LinkEvent)>,
    space: Arc<Notify>,
    /// When something has changed that sources have not looked at: first and last.
    changed: Option<(Instant, Instant)>,
    cache: Option<Cache>,
}

#[derive(Debug)]
struct ThreadLocal;

impl Random for ThreadLocal {
    fn next_u64(&self) -> u64 {
        fastrand::u64(..)
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Runs until the last sender of commands is dropped.
pub(super) async fn run(settings: Settings, mut commands: mpsc::UnboundedReceiver<Command>) {
    let (events, mut received) = mpsc::channel(EVENTS);
    let wildcard: &[Kind] = match settings.wildcard {
        true => &[Kind::Listener, Kind::Cluster],
        false => &[],
    };
    let random: Arc<dyn Random> = Arc::new(ThreadLocal);
    let mut driver = Driver {
        node: Arc::new(wire::node(&settings.bootstrap.node)),
        authorities: Authorities::new(
            &settings.bootstrap,
            settings.protocol,
            wildcard,
            &random,
            now(),
        ),
        settings,
        consumers: BTreeMap::new(),
        links: HashMap::new(),
        generations: 0,
        events,
        space: Arc::new(Notify::new()),
        changed: None,
        cache: None,
    };
    if let Some(path) = driver.settings.cache.clone() {
        let (bootstrap, authorities) = (&driver.settings.bootstrap, &mut driver.authorities);
        driver.cache = Some(Cache::open(path, bootstrap, authorities, now()).await);
    }
    let space = driver.space.clone();
    loop {
        driver.advance(now());
        if let Some(cache) = &mut driver.cache {
            cache.write(&driver.authorities, now()).await;
        }
        let next = driver.next_timeout(now());
        let timer = async {
            match next {
                Some(at) => sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            command = commands.recv() => match command {
                Some(command) => driver.command(command, now()),
                None => return,
            },
            Some((id, generation, event)) = received.recv() => {
                driver.event(id, generation, event, now());
            }
            () = space.notified() => {}
            () = timer => {}
        }
        // However much arrives, other tasks get their turn.
        tokio::task::consume_budget().await;
    }
}

impl Driver {
    fn command(&mut self, command: Command, now: Instant) {
        match command {
            Command::Add(id, consumer) => {
                self.consumers.insert(id, *consumer);
            }
            Command::Remove(id) => {
                if let Some(mut consumer) = self.consumers.remove(&id) {
                    consumer.end(&mut self.authorities, now);
                }
                return;
            }
            Command::Subscribe(id, listener, host, reply) => {
                if let Some(Scope::Targets(targets)) = self.scope(id) {
                    targets.add(listener, host);
                }
                if let Some(consumer) = self.consumers.get(&id) {
                    // Who asked may have gone.
                    let _ = reply.send(consumer.looks());
                }
            }
            Command::Unsubscribe(id, listener) => {
                if let Some(Scope::Targets(targets)) = self.scope(id) {
                    targets.remove(&listener);
                }
            }
            Command::Ask(id, listener, host, reply) => {
                let (consumers, ads) = (&mut self.consumers, &self.authorities);
                match consumers.get_mut(&id) {
                    Some(consumer) if !reply.is_closed() => {
                        if !consumer.ask(listener, host, reply, ads) {
                            return;
                        }
                    }
                    _ => return,
                }
            }
            Command::Csds(reply) => {
                let config = csds::config(&self.node, &self.authorities, now);
                // Who asked may have gone.
                let _ = reply.send(Box::new(config));
                return;
            }
            Command::Status(id, reply) => {
                let consumer = self.consumers.get(&id);
                let cache = self.cache.as_ref().and_then(|cache| cache.problem.clone());
                let problems = consumer.map(|c| c.problems().to_vec()).unwrap_or_default();
                let status = XdsStatus {
                    servers: status::servers(&self.authorities),
                    resources: status::resources(&self.authorities),
                    waiting: consumer.map(Consumer::waiting).unwrap_or_default(),
                    problems: problems.into_iter().chain(cache).collect(),
                };
                // Who asked may have gone.
                let _ = reply.send(status);
                return;
            }
        }
        self.note_change(now);
    }

    fn scope(&mut self, id: u64) -> Option<&mut Scope> {
        Some(&mut self.consumers.get_mut(&id)?.cascade.scope)
    }

    fn event(&mut self, id: LinkId, generation: u64, event: LinkEvent, now: Instant) {
        // The last words of a stream that was given up.
        if self
            .links
            .get(&id)
            .is_none_or(|l| l.generation != generation)
        {
            return;
        }
        let ads = &mut self.authorities.all[id.authority].ads;
        match event {
            LinkEvent::Opened => ads.opened(id.link, now),
            LinkEvent::Received(response) => {
                if ads.received(id.link, response, now).is_err() {
                    self.links.remove(&id);
                }
            }
            LinkEvent::Closed(error) => {
                self.links.remove(&id);
                let server = &self.authorities.all[id.authority].servers[id.link].uri;
                tracing::info!(%server, %error, "xDS: stream ended");
                self.authorities.all[id.authority]
                    .ads
                    .closed(id.link, &error, now);
            }
        }
    }

    /// Does all that can be done now.
    fn advance(&mut self, now: Instant) {
        for authority in 0..self.authorities.all.len() {
            self.authorities.all[authority].ads.tick(now);
        }
        let changes = self.authorities.take_changes();
        if !changes.is_empty() {
            if let Some(cache) = &mut self.cache {
                cache.note_change(now);
            }
            let mut dirty = false;
            for consumer in self.consumers.values_mut() {
                dirty |= consumer.changed(&changes, &self.authorities);
            }
            if dirty {
                self.note_change(now);
            }
        }
        if self.update_at().is_some_and(|at| at <= now) {
            self.changed = None;
            for consumer in self.consumers.values_mut() {
                consumer.update(&mut self.authorities, now);
            }
        }
        for authority in 0..self.authorities.all.len() {
            self.drive(authority, now);
        }
    }

    /// Connects, closes and sends.
    fn drive(&mut self, authority: usize, now: Instant) {
        let Self {
            authorities, links, ..
        } = self;
        let authority_state = &mut authorities.all[authority];
        while let Some(command) = authority_state.ads.poll_command(now) {
            match command {
                AdsCommand::Close(link) => {
                    links.remove(&LinkId { authority, link });
                }
                AdsCommand::Connect(link) => {
                    self.generations += 1;
                    let id = LinkId { authority, link };
                    let target = Target {
                        uri: authority_state.servers[link].uri.clone(),
                        security: authority_state.security[link].clone(),
                        node: self.node.clone(),
                        protocol: self.settings.protocol,
                        keep_alive: self.settings.keep_alive,
                    };
                    let (events, space) = (self.events.clone(), self.space.clone());
                    let started = Link::start(target, id, self.generations, events, space);
                    links.insert(id, started);
                }
            }
        }
        for (id, link) in links.iter().filter(|(id, _)| id.authority == authority) {
            if link.has_space()
                && let Some(request) = authority_state.ads.poll_request(id.link, now)
            {
                link.send(request);
            }
        }
    }

    fn note_change(&mut self, now: Instant) {
        let first = self.changed.map_or(now, |(first, _)| first);
        self.changed = Some((first, now));
    }

    fn update_at(&self) -> Option<Instant> {
        let changed = self
            .changed
            .map(|(first, last)| (first + BUSY).min(last + QUIET));
        let again = self.consumers.values().filter_map(|c| c.again).min();
        changed.into_iter().chain(again).min()
    }

    fn next_timeout(&self, now: Instant) -> Option<Instant> {
        let authorities = self.authorities.all.iter();
        let protocol = authorities.filter_map(|a| a.ads.next_timeout(now)).min();
        let cache = self.cache.as_ref().and_then(Cache::write_at);
        protocol
            .into_iter()
            .chain(self.update_at())
            .chain(cache)
            .min()
    }
}
