"""Public keys of SSH in one line, as `id_ed25519.pub` has them: checked without the library that speaks the protocol."""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from mailauncher.errors import InvalidParameter

RSA_BITS = 2048
LINE_CHARACTERS = 16_384
_PARTS = {
    "ssh-ed25519": 1,
    "ssh-rsa": 2,
    "ecdsa-sha2-nistp256": 2,
    "ecdsa-sha2-nistp384": 2,
    "ecdsa-sha2-nistp521": 2,
    "sk-ssh-ed25519@openssh.com": 2,
    "sk-ecdsa-sha2-nistp256@openssh.com": 3,
}
"""The accepted types, and how many fields follow the type in a key."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """`line` is type and base64 without a comment; `fingerprint` is written as `ssh-keygen -l` does."""

    type: str
    line: str
    fingerprint: str


def parse(text: str) -> PublicKey:
    """Raises InvalidParameter, which says what the text is instead of a public key."""
    line = text.strip().removeprefix("\ufeff")
    if "PRIVATE KEY" in line[:64]:
        raise _invalid(
            "这是私钥：请勿交给任何人。公钥在以 .pub 结尾的文件里",
            "This is a private key, which nobody else should get; the public one is in the file that ends in .pub",
        )
    words = line.split(None, 2)
    if len(line) > LINE_CHARACTERS or "\n" in line or len(words) < 2:
        raise _invalid(
            "公钥应为一行：类型、base64 与可选的说明，如 ssh-ed25519 AAAA…",
            "A public key is one line: type, base64 and perhaps a comment, such as ssh-ed25519 AAAA...",
        )
    kind, encoded = words[:2]
    if "-cert-v01@" in kind:
        raise _invalid(
            "这是证书。请添加签发它的公钥，并加上 --authority",
            "This is a certificate. Add the public key that signs certificates instead, with --authority",
        )
    if kind not in _PARTS:
        raise _invalid(
            f"不接受此类公钥或选项：{kind[:64]}；可用 {'、'.join(_PARTS)}",
            f"Not an accepted type of key: {kind[:64]}; accepted are {', '.join(_PARTS)}. Options before the type are not supported",
        )
    blob = _decoded(encoded)
    fields = _fields(blob)
    if fields is None or len(fields) != _PARTS[kind] + 1 or fields[0] != kind.encode():
        raise _invalid("公钥不完整或已损坏", "The public key is cut off or damaged")
    if kind == "ssh-rsa" and int.from_bytes(fields[2], "big").bit_length() < RSA_BITS:
        raise _invalid(f"RSA 公钥须至少 {RSA_BITS} 位", f"An RSA key must have at least {RSA_BITS} bits")
    return PublicKey(kind, f"{kind} {base64.b64encode(blob).decode()}", fingerprint(blob))


def fingerprint(blob: bytes) -> str:
    """The fingerprint of a key in its binary form."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise _invalid("公钥不是有效的 base64", "The public key is not valid base64") from None


def _fields(blob: bytes) -> list[bytes] | None:
    """The length-prefixed fields of a key; None if it does not consist of such."""
    found = []
    while blob:
        length = int.from_bytes(blob[:4], "big")
        if len(blob) < 4 + length:
            return None
        found.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    return found


def _invalid(zh: str, en: str) -> InvalidParameter:
    return InvalidParameter(zh, en, field="key")
