"""Judges the keys that clients offer: who may log in, to which terminal, and what they may do."""

from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any

import asyncssh
from asyncssh.public_key import (
    CERT_TYPE_USER,
    SSHOpenSSHCertificate,
    decode_ssh_certificate,
    decode_ssh_public_key,
)

from mailauncher import public_keys
from mailauncher.errors import InvalidParameter
from mailauncher.grants import NOTHING
from resolvers import targets
from resolvers.context import Context
from resolvers.views import TerminalView
from store.ssh_keys import SshKeyRecord

MENU = "menu"
CALLER_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Login:
    """Who has logged in, with which key, for which terminal; None: the menu and commands. `ctx` is the caller's."""

    fingerprint: str
    ctx: Context
    terminal: TerminalView | None


Verdict = tuple[Login | None, asyncssh.SSHKey | None, dict[str, Any] | None]
"""The login that the key is good for, the key that has to sign, and the options of its certificate."""


class Judge:
    """Judges by the keys that are trusted at that moment."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def judge(self, username: str, offered: bytes, address: str) -> Verdict:
        """The same is done for every offer, whatever of it is wrong, so that the answer and the time that it takes do not tell an
        unknown key from one without rights, and neither from an unknown target."""
        certificate, key = _decoded(offered)
        trusted = certificate.signing_key if certificate is not None else key
        fingerprint = public_keys.fingerprint(trusted.public_data) if trusted is not None else ""
        record = self._ctx.store.ssh_keys.get(fingerprint)
        ctx = self._ctx_for(record, certificate)
        terminal = targets.find(ctx, username)
        good = (
            record is not None
            and _is_accepted(key)
            and _is_valid(record, certificate, address)
            and (username == MENU or terminal is not None)
        )
        if not good:
            return None, None, None
        login = Login(fingerprint, ctx, None if username == MENU else terminal)
        return login, key, None if certificate is None else certificate.options

    def _ctx_for(self, record: SshKeyRecord | None, certificate: SSHOpenSSHCertificate | None) -> Context:
        if record is None:
            return replace(self._ctx, caller="ssh", grant=NOTHING)
        name = record.name if certificate is None else f"{record.name}/{_printable(certificate._key_id)}"
        return replace(self._ctx, caller=f"ssh:{name}"[:CALLER_CHARACTERS], grant=record.grant)

    def is_valid(self, login: Login) -> bool:
        """Whether the key of a login is still trusted with what the login may do."""
        record = self._ctx.store.ssh_keys.get(login.fingerprint)
        return record is not None and record.grant.includes(login.ctx.grant)


def _decoded(offered: bytes) -> tuple[SSHOpenSSHCertificate | None, asyncssh.SSHKey | None]:
    """The certificate, if it is one, and the key that logs in; None for what is neither."""
    try:
        certificate = decode_ssh_certificate(offered)
    except (asyncssh.KeyImportError, ValueError):
        certificate = None
    if isinstance(certificate, SSHOpenSSHCertificate):
        return certificate, certificate.key
    try:
        return None, decode_ssh_public_key(offered)
    except (asyncssh.KeyImportError, ValueError):
        return None, None


def _is_accepted(key: asyncssh.SSHKey | None) -> bool:
    """Whether the key is of a type, and long enough, that it could be added."""
    if key is None:
        return False
    try:
        public_keys.parse(key.export_public_key().decode())
    except (InvalidParameter, asyncssh.KeyExportError):
        return False
    return True


def _is_valid(record: SshKeyRecord, certificate: SSHOpenSSHCertificate | None, address: str) -> bool:
    """Whether a key is offered as what it was added as and, if it signs certificates, this one holds here and now."""
    if certificate is None or not record.authority:
        return certificate is None and not record.authority
    try:
        certificate.validate(CERT_TYPE_USER, None)
    except ValueError:
        return False
    networks: Any = certificate.options.get("source-address")
    return (
        any(principal in record.principals for principal in certificate.principals)
        and "force-command" not in certificate.options
        and (not networks or any(ip_address(address) in network for network in networks))
    )


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
