//! One client per process and bootstrap, however many sources use it.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use mesh_core::Publisher;
use tokio::sync::mpsc::{self, UnboundedSender, WeakUnboundedSender};

use super::driver::{self, Command, Settings};

/// What tells clients apart, and where each takes commands.
type Entry = (Settings, WeakUnboundedSender<Command>);

static CLIENTS: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// The client of these settings; it ends with its last sender. Must be called inside a runtime,
/// where a new one runs.
pub(super) fn client(settings: Settings) -> UnboundedSender<Command> {
    let mut clients = CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
    // One whose runtime has ended is of no use.
    clients.retain(|(_, client)| client.upgrade().is_some_and(|c| !c.is_closed()));
    let is_same = |known: &Settings| {
        known.bootstrap == settings.bootstrap
            && known.protocol == settings.protocol
            && known.wildcard == settings.wildcard
            && known.keep_alive == settings.keep_alive
            && known.cache == settings.cache
    };
    let known = clients.iter().find(|(known, _)| is_same(known));
    if let Some(client) = known.and_then(|(_, client)| client.upgrade()) {
        return client;
    }
    let (sender, receiver) = mpsc::unbounded_channel();
    clients.push((settings.clone(), sender.downgrade()));
    // Ends when the last sender is dropped: sources own it together.
    tokio::spawn(driver::run(settings, receiver));
    sender
}

/// All clients.
pub(super) fn clients() -> Vec<UnboundedSender<Command>> {
    let clients = CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
    let clients = clients.iter();
    clients.filter_map(|(_, client)| client.upgrade()).collect()
}

/// A number that no other source of this process has.
pub(super) fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A source's share in a client; dropping the last ends its subscriptions.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) id: u64,
    /// The claim on the mesh, which ends with this although the client still holds it.
    pub(super) publisher: Arc<Publisher>,
    pub(super) client: UnboundedSender<Command>,
}

impl Share {
    pub(super) fn send(&self, command: Command) {
        // Only when the runtime is shut down does nobody listen.
        let _ = self.client.send(command);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.publisher.release();
        self.send(Command::Remove(self.id));
    }
}

/// Shared by handles and the mesh.
pub(super) type SharedShare = Arc<Share>;
