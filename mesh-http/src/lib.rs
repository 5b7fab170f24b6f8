//! tower and hyper layers of a service mesh inside a process.
