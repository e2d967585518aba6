//! Objects made of encrypted files.
