//! Files that SOPS encrypted: read, checked and decrypted.
