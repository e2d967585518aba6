//! Sinks that are real HTTP servers, which fail for a while.
