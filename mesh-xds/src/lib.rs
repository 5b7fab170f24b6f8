//! Sources of mesh policy.
