//! Home of the canary demo and of small programs, one idea each, under `src/bin`. As a library it
//! only compiles the code in the documents.

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../../docs/guide.md")]
struct Guide;

#[cfg(doctest)]
#[doc = include_str!("../../docs/catalog.md")]
struct Catalog;
