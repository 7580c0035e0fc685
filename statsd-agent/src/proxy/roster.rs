//! Who is there: the nodes, which of them are on the ring, and where each is reached. Health checks and a changed
//! configuration write it; receivers look at one number before each batch and take a copy when it has moved.

use super::ring::{Member, Ring};
use super::{Node, Notice, Tell};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The weight that proxy.js gives each node.
const WEIGHT: u32 = 100;

/// The nodes of a proxy.
pub struct Roster {
    // A mutex, because changes come once per check and node at most; no receiver holds it longer than a copy takes.
    state: Mutex<State>,
    epoch: AtomicU64,
    tell: Tell,
}

struct State {
    standing: Vec<Standing>,
    ring: Arc<Ring>,
}

struct Standing {
    node: Arc<Node>,
    up: bool,
    at: Option<SocketAddr>,
}

/// A copy of the roster, as a receiver uses it.
pub struct Route {
    /// The ring, whose ids are the places in `nodes`.
    pub ring: Arc<Ring>,
    /// Each node and where its datagrams go; `None` while its host could not be resolved.
    pub nodes: Vec<(Arc<Node>, Option<SocketAddr>)>,
    /// [`Roster::epoch`] of the copy.
    pub epoch: u64,
}

impl Roster {
    /// All nodes are on the ring until a check says otherwise, as in proxy.js.
    pub fn new(nodes: Vec<Arc<Node>>, tell: Tell) -> Roster {
        let standing = nodes.into_iter().map(|node| Standing { at: node.literal(), node, up: true }).collect();
        let mut state = State { standing, ring: Arc::default() };
        state.build();
        Roster { state: Mutex::new(state), epoch: AtomicU64::new(1), tell }
    }

    /// Moves with every change.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// The roster as it is now.
    pub fn route(&self) -> Route {
        let state = self.state();
        let nodes = state.standing.iter().map(|one| (Arc::clone(&one.node), one.at)).collect();
        Route { ring: Arc::clone(&state.ring), nodes, epoch: self.epoch() }
    }

    /// Each node and whether it is on the ring.
    pub fn nodes(&self) -> Vec<(Arc<Node>, bool)> {
        self.state().standing.iter().map(|one| (Arc::clone(&one.node), one.up)).collect()
    }

    /// The names on the ring in its order, for the console.
    pub fn on_ring(&self) -> Vec<String> {
        self.state().ring.members().iter().map(|member| member.name.clone()).collect()
    }

    /// Another list of nodes. One that stays keeps its counts and its health.
    pub fn replace(&self, nodes: Vec<Arc<Node>>) {
        let mut state = self.state();
        let before = std::mem::take(&mut state.standing);
        let standing = nodes.into_iter().map(|node| {
            let was = before.iter().find(|was| Arc::ptr_eq(&was.node, &node));
            let at = was.and_then(|was| was.at).or_else(|| node.literal());
            Standing { at, up: was.is_none_or(|was| was.up), node }
        });
        state.standing = standing.collect();
        state.build();
        self.changed(state);
    }

    /// Notes where a node is reached.
    pub fn reached_at(&self, node: &Arc<Node>, address: SocketAddr) {
        let mut state = self.state();
        let Some(one) = state.standing.iter_mut().find(|one| Arc::ptr_eq(&one.node, node)) else { return };
        if one.at != Some(address) {
            one.at = Some(address);
            self.changed(state);
        }
    }

    /// Notes the outcome of a check: the first failure takes the node off the ring, the next success puts it back.
    pub fn checked(&self, node: &Arc<Node>, up: bool) {
        let mut state = self.state();
        let Some(id) = state.standing.iter().position(|one| Arc::ptr_eq(&one.node, node)) else { return };
        if state.standing[id].up == up {
            return;
        }
        state.standing[id].up = up;
        let name = node.name();
        let ring = Arc::make_mut(&mut state.ring);
        if up {
            ring.add(Member { name: name.to_owned(), weight: WEIGHT, id: id as u16 });
        } else {
            ring.remove(name);
        }
        let empty = ring.members().is_empty();
        self.changed(state);
        (self.tell)(&if up { Notice::Added(name) } else { Notice::Removed(name) });
        if empty {
            (self.tell)(&Notice::NoNodes);
        }
    }

    fn changed(&self, state: MutexGuard<'_, State>) {
        self.epoch.fetch_add(1, Ordering::Release);
        drop(state);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can leave it half changed; a panic elsewhere is told where it is joined.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn build(&mut self) {
        let on_ring = self.standing.iter().enumerate().filter(|(_, one)| one.up);
        let member =
            |(id, one): (usize, &Standing)| Member { name: one.node.name().to_owned(), weight: WEIGHT, id: id as u16 };
        self.ring = Arc::new(Ring::new(on_ring.map(member).collect()));
    }
}
