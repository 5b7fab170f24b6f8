//! Which time series a request belongs to, and a table from there to an exporter's handle.

use std::{
    borrow::Cow,
    collections::HashMap,
    fmt,
    sync::{Arc, OnceLock},
};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use http::Method;
use mesh_core::{
    Flag,
    cluster::Cluster,
    telemetry::{OutcomeKind, RequestRecord, Side},
};

/// What tells requests of one side and cluster apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Series {
    /// An index into `METHODS`.
    method: u8,
    pub(super) status: Option<u16>,
    error: ErrorType,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum ErrorType {
    None,
    Flag(Flag),
    /// An index into `GRPC`.
    Grpc(u8),
    Status(u16),
    NoAnswer,
}

/// The methods of RFC 9110 and RFC 5789; others could be made up by callers.
const METHODS: [&str; 10] = [
    "_OTHER", "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE",
];

/// By code.
const GRPC: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

impl Series {
    pub(super) fn of(record: &RequestRecord<'_>) -> Self {
        let errors_from = match record.side {
            Side::Client => 400,
            Side::Server => 500,
        };
        let error = match (record.flag, record.grpc_status, record.status) {
            (Some(flag), _, _) => ErrorType::Flag(flag),
            // A code that gRPC does not define counts as UNKNOWN (gRPC, "Statuscodes").
            (_, Some(code @ 1..=16), _) => ErrorType::Grpc(code),
            (_, Some(17..), _) => ErrorType::Grpc(2),
            (_, _, Some(status)) if status >= errors_from => ErrorType::Status(status),
            (_, _, Some(_)) => ErrorType::None,
            (_, _, None) => ErrorType::NoAnswer,
        };
        Self {
            method: method_index(record.method),
            status: record.status,
            error,
        }
    }

    /// `http.request.method`.
    pub(super) fn method(self) -> &'static str {
        METHODS[usize::from(self.method)]
    }

    /// `error.type`.
    pub(super) fn error(self) -> Option<Cow<'static, str>> {
        Some(match self.error {
            ErrorType::None => return None,
            ErrorType::Flag(flag) => flag.as_str().into(),
            ErrorType::Grpc(code) => GRPC[usize::from(code)].into(),
            ErrorType::Status(status) => status.to_string().into(),
            ErrorType::NoAnswer => "_OTHER".into(),
        })
    }
}

fn method_index(method: &Method) -> u8 {
    match *method {
        Method::GET => 1,
        Method::POST => 2,
        Method::PUT => 3,
        Method::DELETE => 4,
        Method::HEAD => 5,
        Method::OPTIONS => 6,
        Method::PATCH => 7,
        Method::CONNECT => 8,
        Method::TRACE => 9,
        _ => 0,
    }
}

/// One `T` per series, made when first needed. Reading takes no lock and writes no shared line;
/// adding copies the table, which happens once per series.
pub(super) struct Table<T>(ArcSwap<HashMap<Series, T, RandomState>>);

impl<T: Clone> Table<T> {
    pub(super) fn with(&self, series: Series, make: impl FnOnce() -> T, run: impl FnOnce(&T)) {
        if let Some(found) = self.0.load().get(&series) {
            return run(found);
        }
        let made = make();
        run(&made);
        self.0.rcu(|table| {
            let mut table = HashMap::clone(table);
            table.entry(series).or_insert_with(|| made.clone());
            table
        });
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(ArcSwap::from_pointee(HashMap::default()))
    }
}

impl<T> fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({} series)", self.0.load().len())
    }
}

/// A recorder's handles for one cluster, kept in the cluster's slot.
#[derive(Debug)]
pub(super) struct ClusterHandles<R, A> {
    /// Whose they are: several recorders may share the cluster.
    owner: Arc<()>,
    pub(super) requests: Table<R>,
    attempts: [OnceLock<A>; OutcomeKind::COUNT],
}

impl<R, A> ClusterHandles<R, A>
where
    R: Send + Sync + 'static,
    A: Send + Sync + 'static,
{
    /// Those of the recorder that `owner` stands for; `Some` always.
    pub(super) fn of<'a>(cluster: &'a Cluster, owner: &Arc<()>) -> Option<&'a Self> {
        cluster.slot().find_or_init(
            |handles: &Self| Arc::ptr_eq(&handles.owner, owner),
            || Self {
                owner: owner.clone(),
                requests: Table::default(),
                attempts: Default::default(),
            },
        )
    }

    pub(super) fn attempts(&self, kind: OutcomeKind, make: impl FnOnce() -> A) -> &A {
        self.attempts[kind.index()].get_or_init(make)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_error_type_says_who_ended_the_request() {
        let error = |side, status, grpc_status, flag| {
            let mut record = RequestRecord::new(side, &Method::GET, Duration::ZERO);
            (record.status, record.grpc_status, record.flag) = (status, grpc_status, flag);
            Series::of(&record).error()
        };
        use Side::{Client, Server};
        for (side, status, grpc, flag, expected) in [
            (Client, Some(200), None, None, None),
            (Client, Some(404), None, None, Some("404")),
            (Server, Some(404), None, None, None),
            (Server, Some(500), None, None, Some("500")),
            (Client, Some(200), Some(0), None, None),
            (Client, Some(200), Some(14), None, Some("UNAVAILABLE")),
            (Server, Some(200), Some(16), None, Some("UNAUTHENTICATED")),
            (Server, Some(200), Some(200), None, Some("UNKNOWN")),
            (
                Client,
                Some(503),
                None,
                Some(Flag::NoHealthyUpstream),
                Some("UH"),
            ),
            (Client, None, None, None, Some("_OTHER")),
        ] {
            assert_eq!(error(side, status, grpc, flag).as_deref(), expected);
        }
    }

    #[test]
    fn made_up_methods_are_one_series() {
        let series = |method: &str| {
            let method = method.parse().unwrap();
            Series::of(&RequestRecord::new(Side::Client, &method, Duration::ZERO))
        };
        for name in METHODS {
            assert_eq!(series(name).method(), name);
        }
        assert_eq!(series("BREW"), series("FROB"));
        assert_eq!(series("get"), series("BREW"), "methods are case-sensitive");
    }

    #[test]
    fn a_table_makes_each_entry_once() {
        let table = Table::default();
        let series = Series::of(&RequestRecord::new(
            Side::Client,
            &Method::GET,
            Duration::ZERO,
        ));
        let mut made = 0;
        for _ in 0..3 {
            table.with(series, || made += 1, |()| {});
        }
        assert_eq!(made, 1);
        assert_eq!(format!("{table:?}"), "Table(1 series)");
    }
}
