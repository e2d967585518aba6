//! Git repositories made by the real git, and a server for them.
