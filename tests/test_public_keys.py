"""Public keys are checked without the library of the gateway."""

import base64

import asyncssh
import pytest

from mailauncher import public_keys
from mailauncher.errors import InvalidParameter

ALGORITHMS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_is_read_and_its_fingerprint_is_what_openssh_says(algorithm: str) -> None:
    key = asyncssh.generate_private_key(algorithm, comment="小麦 的 钥匙")
    found = public_keys.parse(f"\ufeff {key.export_public_key().decode()}\r\n")
    assert found.type == algorithm
    assert found.fingerprint == key.get_fingerprint()
    assert len(found.line.split()) == 2


def rsa(bits: int) -> str:
    modulus = ((1 << (bits - 1)) + 1).to_bytes(bits // 8 + 1)
    fields = (b"ssh-rsa", b"\1\0\1", modulus)
    blob = b"".join(len(field).to_bytes(4) + field for field in fields)
    return f"ssh-rsa {base64.b64encode(blob).decode()}"


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "one line"),
        ("ssh-ed25519", "one line"),
        ("x" * 100_000, "one line"),
        ("ssh-ed25519 AAAA\nssh-ed25519 AAAA", "one line"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNza\n", "private key"),
        ("ssh-dss AAAAB3NzaC1kc3M=", "Not an accepted type"),
        ('command="ls" ssh-ed25519 AAAA', "Options before the type"),
        ("ssh-ed25519-cert-v01@openssh.com AAAA", "--authority"),
        ("ssh-ed25519 not=base64", "base64"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", "cut off"),
        ("ssh-ed25519 AAAAB3NzaC1kc3M=", "cut off"),
        (rsa(1024), "2048 bits"),
    ],
)
def test_what_is_no_key_is_named(text: str, words: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        public_keys.parse(text)
    assert words in caught.value.text.en
    assert caught.value.field == "key"


def test_rsa_keys_of_two_thousand_bits_are_accepted() -> None:
    assert public_keys.parse(rsa(2048)).type == "ssh-rsa"
