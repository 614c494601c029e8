"""A terminal through the SSH gateway and through OpenSSH's `sshd` with `ssh -tt`, in turn, by the same client with the same
algorithms: bulk output, and how long a key takes to be echoed; then the memory of idle sessions of the gateway.

    python benchmarks/terminal/gateway.py [--mebibytes 128] [--rounds 5] [--keys 200] [--sessions 500] [--sshd /usr/sbin/sshd]

Needs OpenSSH's `ssh`, `ssh-keygen` and `sshd`, and root for the latter. Design targets: 0.9 of sshd's speed, at most 1.5 times
its echo.
"""

import argparse
import asyncio
import os
import random
import select
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import asyncssh
import psutil
from contestants import Launcher, command, free_port
from printer import MARK

CIPHER, EXCHANGE = "aes128-gcm@openssh.com", "curve25519-sha256"
PAUSE_S = (0.005, 0.015)  # between two keys
READ_BYTES = 1 << 16
OF_CONNECTION = 8  # sessions, as many as the gateway accepts


class Client:
    """`ssh` on one end of a pseudo-terminal, which it makes raw itself."""

    def __init__(self, folder: Path, port: int, target: str, *words: str) -> None:
        self._master, terminal = os.openpty()
        options = ["StrictHostKeyChecking=no", f"UserKnownHostsFile={folder / 'known'}", "IdentitiesOnly=yes"]
        options += [
            "IdentityAgent=none",
            "LogLevel=ERROR",
            f"Ciphers={CIPHER}",
            f"KexAlgorithms={EXCHANGE}",
            "EscapeChar=none",
        ]
        given = [argument for option in options for argument in ("-o", option)]
        self.process = subprocess.Popen(
            ["ssh", "-F", "none", "-tt", "-p", str(port), "-i", str(folder / "key"), *given, f"{target}@127.0.0.1", *words],
            stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
        )  # fmt: skip
        os.close(terminal)

    def until(self, mark: bytes) -> float:
        """When what was before the mark had come."""
        last, tail = time.perf_counter(), b""
        while mark not in tail:
            tail = (tail + os.read(self._master, READ_BYTES))[-READ_BYTES - len(mark) :]
            if mark not in tail or len(tail) > 4096:
                last = time.perf_counter()
        return last

    def until_quiet(self) -> None:
        while select.select([self._master], [], [], 0.5)[0]:
            os.read(self._master, READ_BYTES)

    def bulk(self, count: int) -> float:
        """Seconds until so many bytes have come."""
        self.until_quiet()
        begin = time.perf_counter()
        os.write(self._master, b"%d\n" % count)
        return self.until(MARK) - begin

    def echoes(self, keys: int) -> list[float]:
        found = []
        for _ in range(keys):
            time.sleep(random.uniform(*PAUSE_S))
            begin = time.perf_counter()
            os.write(self._master, b"k")
            os.read(self._master, READ_BYTES)
            found.append(time.perf_counter() - begin)
        return found

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)


class Gateway(Launcher):
    """MaiLauncher with its gateway on, and a bot for each printer."""

    name = "gateway"

    def __init__(self, folder: Path, *kinds: str) -> None:
        self._ssh_port = free_port()
        os.environ |= {
            "MAILAUNCHER_SSH": "true",
            "MAILAUNCHER_SSH_PORT": str(self._ssh_port),
            "MAILAUNCHER_SSH_HANDSHAKES_PER_MINUTE": "10000",
        }
        super().__init__(*kinds)
        self._keys = folder
        own = os.environ | {
            "MAILAUNCHER_DATA": str(self._folder / "data"),
            "MAILAUNCHER_PORT": str(self.port),
        }
        add = [sys.executable, "-m", "mailauncher", "ssh", "add", "bench", str(folder / "key.pub")]
        subprocess.run(add, env=own, check=True, stdout=subprocess.DEVNULL)

    def client(self, number: int) -> Client:
        return Client(self._keys, self._ssh_port, self.instances[number])

    async def idle(self, sessions: int) -> int:
        """The growth of the server's memory by so many sessions, in bytes for each. Of several addresses, and several sessions on
        each connection: the gateway accepts 64 connections, 20 of an address."""
        before = self.resident()
        key = asyncssh.read_private_key(self._keys / "key")
        given = {"username": self.instances[0], "client_keys": [key], "known_hosts": None, "config": None}
        addresses = [f"127.0.0.{2 + number % 4}" for number in range(-(-sessions // OF_CONNECTION))]
        connections = [
            await asyncssh.connect("127.0.0.1", self._ssh_port, local_addr=(address, 0), **given)
            for address in addresses
        ]
        opened = 0
        for connection in connections:
            for _ in range(min(OF_CONNECTION, sessions - opened)):
                await connection.create_process(term_type="xterm", encoding=None)
                opened += 1
        await asyncio.sleep(2)
        print(f"idle sessions: {opened} on {len(connections)} connections")
        grown = self.resident() - before
        for connection in connections:
            connection.abort()
        return grown // max(1, opened)


class Sshd:
    """OpenSSH's server, which runs the same printer in a terminal of its own."""

    name = "sshd -tt"

    def __init__(self, folder: Path, program: str, user: str) -> None:
        self._folder, self._user = folder, user
        self._port = free_port()
        host_key = folder / "host"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(host_key)], check=True)
        shutil.copy(folder / "key.pub", folder / "authorized")
        config = folder / "sshd_config"
        config.write_text(
            f"Port {self._port}\nListenAddress 127.0.0.1\nHostKey {host_key}\nAuthorizedKeysFile {folder / 'authorized'}\n"
            "StrictModes no\nUsePAM no\nPermitRootLogin yes\nPrintMotd no\nPidFile none\n",
            "utf-8",
        )
        Path("/run/sshd").mkdir(exist_ok=True)
        self.process = subprocess.Popen([program, "-D", "-e", "-f", str(config)], stderr=subprocess.PIPE)
        assert self.process.stderr is not None
        self.process.stderr.readline()  # that it listens

    def client(self, kind: str) -> Client:
        return Client(self._folder, self._port, self._user, shlex.join(command(kind)))

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()


@contextmanager
def both(folder: Path, program: str) -> Iterator[tuple[Gateway, Sshd]]:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")], check=True)
    with Gateway(folder, "ascii", "sink") as gateway:
        sshd = Sshd(folder, program, psutil.Process().username())
        try:
            yield gateway, sshd
        finally:
            sshd.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mebibytes", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keys", type=int, default=200)
    parser.add_argument("--sessions", type=int, default=500)
    parser.add_argument(
        "--sshd", default=shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin") or "/usr/sbin/sshd"
    )
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-ssh-")))
        gateway, sshd = stack.enter_context(both(folder, options.sshd))
        with clients(gateway.client(0), sshd.client("ascii")) as found:
            bulk(gateway, found, options)
        with clients(gateway.client(1), sshd.client("sink")) as found:
            echo(found, options)
        each = asyncio.run(gateway.idle(options.sessions))
        print(f"memory of each: {each >> 10} KiB")


@contextmanager
def clients(ours: Client, its: Client) -> Iterator[dict[str, Client]]:
    """Both, once their programs are ready."""
    found = {Gateway.name: ours, Sshd.name: its}
    try:
        for client in found.values():
            client.until(b"ready")
            client.until_quiet()
        yield found
    finally:
        for client in found.values():
            client.close()


def bulk(gateway: Gateway, found: dict[str, Client], options: argparse.Namespace) -> None:
    speeds: dict[str, list[float]] = {name: [] for name in found}
    cpu = gateway.cpu()
    for number in range(options.rounds + 1):
        for name, client in found.items():
            seconds = client.bulk(options.mebibytes << 20)
            if number:  # the first is for warming up
                speeds[name].append(options.mebibytes / seconds)
    cost = (gateway.cpu() - cpu) * 1000 / ((options.rounds + 1) * options.mebibytes)
    print(
        f"bulk output, {options.mebibytes} MiB, {options.rounds} rounds; the gateway's CPU: {cost:.1f} ms/MiB"
    )
    report(speeds, "MiB/s")


def echo(found: dict[str, Client], options: argparse.Namespace) -> None:
    times: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(options.rounds):
        for name, client in found.items():
            times[name].append(statistics.median(client.echoes(options.keys)) * 1000)
    print(f"\nkey echo, {options.keys} keys, {options.rounds} rounds")
    report(times, "ms")


def report(found: dict[str, list[float]], unit: str) -> None:
    for name, values in found.items():
        print(f"{name:12} {statistics.median(values):8.2f} {unit} ({min(values):.2f} to {max(values):.2f})")
    ratios = [mine / its for mine, its in zip(found[Gateway.name], found[Sshd.name], strict=True)]
    print(f"{Gateway.name} / {Sshd.name}: {statistics.median(ratios):.2f}\n", flush=True)


if __name__ == "__main__":
    main()
