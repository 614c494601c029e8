"""The algorithms that the gateway offers.

AES-GCM alone: clients choose, and OpenSSH before 10 would rather take ChaCha20, which costs twice the time here. It is in every
OpenSSH since 6.2, PuTTY since 0.79 and libssh2 since 1.11. `curve25519-sha256` stays behind the exchange with ML-KEM, because
clients older than OpenSSH 9.9 have nothing newer in common with asyncssh.
"""

KEY_EXCHANGES = ("mlkem768x25519-sha256", "curve25519-sha256")
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
MACS = ("hmac-sha2-256-etm@openssh.com",)
"""Never used with these ciphers; the protocol wants the list to have something in it."""
SIGNATURES = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""Of users' keys. SHA-1 is not among them."""
