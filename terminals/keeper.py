"""The keeper: owns the pseudo-terminals and processes of one bot instance, apart from the server.

Run as `python -I -S keeper.py --detach FOLDER SOCKET SEGMENT_BYTES SEGMENTS IDLE_S`; that command ends with 0 once the
keeper is listening (also when one listened already). Standard library only, Python 3.9+, one file, imported whole at
start: it never imports the application, so an upgrade cannot break one that runs, and it can be copied to another host.

Frames, both ways: `!IB` (length of what follows the length, kind), then for kind `J` a JSON object, for kind `D`
`!IQ` (request id, offset of the first byte) and raw output. Requests are `{"id", "op", ...}`, answers `{"id", "ok",
...}` or `{"id", "error"}`; a request with id 0 is answered only when it fails, by the event `refused`. `{"event": ...}`
comes unasked to every client that said `hello`. See `Keeper.op_*`.
"""

import errno
import fcntl
import json
import os
import re
import selectors
import signal
import socket
import struct
import sys
import termios
import time
from collections import deque

PROTOCOL = (1, 0)  # a client refuses another major number; minor ones only add
HEAD = struct.Struct("!IB")
DATA = struct.Struct("!IQ")
INDEX = struct.Struct("!QQ")
SEGMENT = re.compile(r"0[0-9]{19}\.log", re.ASCII).fullmatch
FRAME_LIMIT = 4 << 20
READ_BYTES = 16384  # a PTY gives 4 KiB at most on Linux
SEND_BYTES = 65536
TEMPORARY = "mailauncher-"  # how a folder of sockets is called that stands in the system's temporary folder
READS_PER_WAKE = 4  # so that one flood does not starve the other terminals
PIECE_BYTES = 4 << 10
RING_BYTES = 256 << 10  # what is kept in memory of each terminal; older output is read from its file
AHEAD_BYTES = 256 << 10  # how far the output may run ahead of the leading follower that moves
PATIENCE_S = 0.25  # how long such a follower may make no progress before the output stops waiting for it
CLIENT_BYTES = 256 << 10  # output waiting in memory for one client; the rest is read again when it has room
INPUT_BYTES = 4 << 20
INDEX_EVERY_MS = 250
ANSWER_BYTES = 256 << 10


def pack(kind, *parts):
    """One frame of the protocol."""
    return HEAD.pack(1 + sum(len(part) for part in parts), kind) + b"".join(parts)


def pack_json(value):
    return pack(74, json.dumps(value, separators=(",", ":")).encode())


def unpack(buffer):
    """Takes whole frames off the front of a bytearray: yields (kind, payload). Raises ValueError for a bad length."""
    at = 0
    try:
        while len(buffer) - at >= HEAD.size:
            length, kind = HEAD.unpack_from(buffer, at)
            if not 1 <= length <= FRAME_LIMIT:
                raise ValueError("frame of %d bytes" % length)
            if len(buffer) - at < 4 + length:
                break
            yield kind, bytes(buffer[at + HEAD.size : at + 4 + length])
            at += 4 + length
    finally:
        del buffer[:at]


def now_ms():
    return int(time.time() * 1000)


class Log:
    """Everything one terminal printed, by offset: segment files named by the offset of their first byte.

    A segment that could not be written (full disk) leaves a gap; `read` steps over gaps, so the offset it returns tells
    what was lost. `.index` files hold (milliseconds, offset) pairs, at most one per 250 ms.
    """

    def __init__(self, folder, segment_bytes, segments):
        self.folder, self.segment_bytes, self.segments = folder, segment_bytes, segments
        os.makedirs(folder, 0o700, exist_ok=True)
        self.starts = sorted(int(name[:-4]) for name in os.listdir(folder) if SEGMENT(name))
        self.end = self.starts[-1] + os.path.getsize(self._path(self.starts[-1])) if self.starts else 0
        self.file = self.index = -1
        self.written = 0  # bytes in the segment that is open
        self.indexed_ms = 0
        self.error = ""  # why the log is not being written, if so
        self.retry_at = 0.0
        # The newest output, in pieces: a bytearray would be moved with every addition.
        self.ring = deque()  # type: ignore[var-annotated]  # see pyproject.toml
        self.ring_start = self.end

    def _path(self, start, suffix=".log"):
        return os.path.join(self.folder, "%020d%s" % (start, suffix))

    @property
    def oldest(self):
        return self.starts[0] if self.starts else self.ring_start

    def append(self, data):
        """Adds output at the end. Never fails: what the disk does not take stays in the ring for a while."""
        start = self.end
        self.end += len(data)
        self._keep(data)
        if self.error and time.monotonic() < self.retry_at:
            return
        try:
            if self.file < 0 or self.written + len(data) > self.segment_bytes:
                self._open(start, len(data))
            self._note_time(start)
            wrote = os.write(self.file, data)
            self.written += wrote
            if wrote < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.error = ""
            while len(self.starts) > self.segments:
                self._forget(self.starts[0])
        except OSError as failure:
            self.close()
            if not self.written and self.starts and self.starts[-1] == start:
                self._forget(start)
            self.error = failure.strerror or str(failure)
            self.retry_at = time.monotonic() + 1

    def _keep(self, data):
        if self.ring and len(self.ring[-1]) + len(data) <= PIECE_BYTES:
            data = self.ring.pop() + data  # small pieces cost more than their bytes
        self.ring.append(data)
        while self.end - self.ring_start - len(self.ring[0]) >= RING_BYTES:
            self.ring_start += len(self.ring.popleft())

    def _open(self, start, length):
        """Opens the newest segment if `length` bytes at `start` continue it and fit, else a new one."""
        self.close()
        last = self.starts[-1] if self.starts else -1
        size = os.path.getsize(self._path(last)) if self.starts else 0
        if last < 0 or last + size != start or size + length > self.segment_bytes:
            last, size = start, 0
            self.starts.append(start)
        self.written, self.indexed_ms = size, 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self.file = os.open(self._path(last), flags, 0o600)
        self.index = os.open(self._path(last, ".index"), flags, 0o600)

    def _forget(self, start):
        self.starts.remove(start)
        for suffix in (".log", ".index"):
            try:
                os.unlink(self._path(start, suffix))
            except OSError:
                pass

    def _note_time(self, start):
        now = now_ms()
        if now - self.indexed_ms >= INDEX_EVERY_MS:
            self.indexed_ms = now
            os.write(self.index, INDEX.pack(now, start))

    def close(self):
        for descriptor in (self.file, self.index):
            if descriptor >= 0:
                os.close(descriptor)
        self.file = self.index = -1

    def read(self, offset, limit):
        """(offset, data) of the first kept bytes at or after `offset`; at the end, no data."""
        if offset >= self.ring_start:
            return self._from_ring(offset, limit)
        for start in reversed(self.starts):
            if start <= offset:
                data = self._from_file(start, offset - start, limit)
                if data:
                    return offset, data
                break
        later = [start for start in self.starts if start > offset]
        if later and later[0] < self.ring_start:
            return later[0], self._from_file(later[0], 0, limit)
        return self._from_ring(self.ring_start, limit)

    def _from_file(self, start, skip, limit):
        try:
            with open(self._path(start), "rb", buffering=0) as file:
                file.seek(skip)
                return file.read(limit)
        except OSError:
            return b""

    def _from_ring(self, offset, limit):
        start = min(max(offset, self.ring_start), self.end)
        parts, at = [], self.end
        for piece in reversed(self.ring):
            if at <= start:
                break
            at -= len(piece)
            parts.append(piece)
        if len(parts) == 1 and at == start and len(parts[0]) <= limit:
            return start, parts[0]
        return start, b"".join(reversed(parts))[start - at : start - at + limit]

    def seek(self, moment):
        """Offset of the first output noted at or after `moment` milliseconds; the end when there is none."""
        for pair in self.noted():
            if pair[0] >= moment:
                return pair[1]
        return self.end

    def noted(self):
        for start in self.starts:
            try:
                with open(self._path(start, ".index"), "rb") as file:
                    raw = file.read()
            except OSError:
                continue
            yield from INDEX.iter_unpack(raw[: len(raw) // INDEX.size * INDEX.size])

    def times(self, first, last):
        """(milliseconds, offset) pairs noted from `first` to `last` milliseconds, and the one before; at most 16,384."""
        pairs, before = [], None
        for pair in self.noted():
            if pair[0] < first:
                before = pair
            elif pair[0] <= last:
                pairs.append(pair)
        return ([before] if before else []) + pairs[-16384:]


class Terminal:
    """One pseudo-terminal, the process in it, and its log. `run` is the id that the client gave the process."""

    def __init__(self, name, log):
        self.name, self.log = name, log
        self.run = ""
        self.pid = self.master = -1
        self.alive = False
        self.exit = None
        self.started = 0
        self.start = log.end  # offset at which this run began
        self.columns, self.rows = 80, 24
        self.input = bytearray()
        self.paused = False

    def status(self):
        return {
            "run": self.run, "pid": self.pid, "alive": self.alive, "exit": self.exit, "started": self.started,
            "start": self.start, "end": self.log.end, "oldest": self.log.oldest, "columns": self.columns,
            "rows": self.rows, "log_error": self.log.error, "waiting": len(self.input),
        }  # fmt: skip


class Client:
    """One connection. Output for it is taken from the log whenever it has room, so a stalled one costs 256 KiB."""

    def __init__(self, connection):
        self.connection = connection
        self.received = bytearray()
        self.waiting = deque()  # type: ignore[var-annotated]  # see pyproject.toml
        self.waiting_bytes = 0
        self.moved_at = time.monotonic()
        self.wants_events = False
        self.follows = {}  # request id -> [terminal, cursor]

    def send(self, frame):
        self.waiting.append(frame)
        self.waiting_bytes += len(frame)

    def flush(self):
        """Sends what the socket takes. Raises OSError when the other side is gone."""
        while self.waiting:
            try:
                sent = self.connection.send(self.waiting[0])
            except BlockingIOError:
                return
            self.waiting_bytes -= sent
            self.moved_at = time.monotonic()
            if sent < len(self.waiting[0]):
                self.waiting[0] = memoryview(self.waiting[0])[sent:]
                return
            self.waiting.popleft()


class Refused(Exception):
    """A request that cannot be done; the text goes to the client."""


class Keeper:
    """The event loop: sockets, masters and SIGCHLD, one thread."""

    def __init__(self, folder, listener, segment_bytes, segments, idle_s):
        self.folder, self.segment_bytes, self.segments, self.idle_s = folder, segment_bytes, segments, idle_s
        self.listener = listener
        self.selector = selectors.DefaultSelector()
        self.terminals = {}
        self.clients = set()
        self.asked_at = time.monotonic()
        self.ending = False
        self.wake, wake_in = socket.socketpair()
        for end in (self.wake, wake_in):
            end.setblocking(False)
        self.wake_in = wake_in
        signal.set_wakeup_fd(wake_in.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        listener.setblocking(False)
        self.selector.register(listener, selectors.EVENT_READ, self.accept)
        self.selector.register(self.wake, selectors.EVENT_READ, self.reap)
        self.recall()

    # The loop

    def serve(self):
        while not self.ending:
            for key, events in self.selector.select(self.pause_or_idle()):
                key.data(key.fileobj, events)
            for client in list(self.clients):
                self.pump(client)
        for terminal in self.terminals.values():
            terminal.log.close()

    def pause_or_idle(self):
        """How long to sleep: to the next look at a paused terminal, or until this process has outlived its use."""
        paused = [terminal for terminal in self.terminals.values() if terminal.paused]
        for terminal in paused:
            self.watch(terminal)
        if any(terminal.paused for terminal in paused):
            return 0.05
        if any(terminal.alive for terminal in self.terminals.values()) or any(
            client.follows for client in self.clients
        ):
            return None
        left = self.asked_at + self.idle_s - time.monotonic()
        if left <= 0:
            # The socket goes first: whoever connects later starts another keeper, which waits for our lock.
            self.ending = True
            return 0
        return left

    def accept(self, listener, _events):
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        if peer_uid(connection) != os.getuid():
            connection.close()
            return
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 128 << 10)
        client = Client(connection)
        self.clients.add(client)
        self.selector.register(
            connection, selectors.EVENT_READ, lambda _s, events: self.serve_client(client, events)
        )

    def serve_client(self, client, events):
        if events & selectors.EVENT_READ:
            try:
                data = client.connection.recv(1 << 18)
                if not data:
                    raise ConnectionError
                client.received += data
                for kind, payload in unpack(client.received):
                    if kind != 74:
                        raise ValueError("unexpected frame")
                    self.answer(client, json.loads(payload))
            except BlockingIOError:
                pass
            except (OSError, ValueError, AttributeError, TypeError, RecursionError, struct.error):
                self.drop(client)

    def answer(self, client, request):
        self.asked_at = time.monotonic()
        number = request.get("id", 0)
        try:
            op = getattr(self, "op_" + str(request.get("op")), None)
            if op is None:
                raise Refused("unknown operation")
            reply = op(client, request)
            if reply is not None and number:
                client.send(pack_json(dict(reply, id=number, ok=True)))
        except (Refused, OSError, KeyError, TypeError, ValueError, struct.error) as failure:
            refusal = {"id": number} if number else {"event": "refused", "terminal": request.get("terminal")}
            client.send(pack_json(dict(refusal, error=str(failure) or type(failure).__name__)))

    def drop(self, client):
        if client in self.clients:
            self.clients.discard(client)
            self.selector.unregister(client.connection)
            client.connection.close()

    def pump(self, client):
        """Fills the client's queue from the logs it follows and sends what its socket takes."""
        try:
            client.flush()
            for number, follow in list(client.follows.items()):
                terminal = follow[0]
                while follow[1] < terminal.log.end and client.waiting_bytes < CLIENT_BYTES:
                    offset, data = terminal.log.read(follow[1], SEND_BYTES)
                    client.send(pack(68, DATA.pack(number, offset), data))
                    follow[1] = offset + len(data)
                    client.flush()
        except (OSError, TypeError, struct.error):
            self.drop(client)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.waiting else 0)
        key = self.selector.get_key(client.connection)
        if key.events != wanted:
            self.selector.modify(client.connection, wanted, key.data)

    def tell(self, event):
        frame = pack_json(event)
        for client in self.clients:
            if client.wants_events:
                client.send(frame)

    # Terminals

    def terminal(self, request):
        name = request["terminal"]
        if name not in self.terminals:
            if not name or not all(c.isalnum() or c in "-." for c in name) or name[0] == ".":
                raise Refused("bad terminal name")
            log = Log(os.path.join(self.folder, name), self.segment_bytes, self.segments)
            self.terminals[name] = Terminal(name, log)
        return self.terminals[name]

    def watch(self, terminal):
        """Registers the master for what is wanted of it now: output unless paused, room for input if some waits."""
        if terminal.master < 0:
            return
        terminal.paused = self.too_far_ahead(terminal)
        wanted = 0 if terminal.paused else selectors.EVENT_READ
        wanted |= selectors.EVENT_WRITE if terminal.input else 0
        try:
            key = self.selector.get_key(terminal.master)
        except KeyError:
            key = None
        if key and not wanted:
            self.selector.unregister(terminal.master)
        elif key and key.events != wanted:
            self.selector.modify(terminal.master, wanted, key.data)
        elif not key and wanted:
            self.selector.register(
                terminal.master, wanted, lambda _fd, events: self.serve_master(terminal, events)
            )

    def too_far_ahead(self, terminal):
        """Whether the output should wait for a follower: for the leading one, as long as it moves."""
        moving = time.monotonic() - PATIENCE_S
        behind = [
            terminal.log.end - follow[1] + client.waiting_bytes
            for client in self.clients
            for follow in client.follows.values()
            if follow[0] is terminal and (client.moved_at > moving or not client.waiting)
        ]
        return bool(behind) and min(behind) > AHEAD_BYTES

    def serve_master(self, terminal, events):
        if events & selectors.EVENT_WRITE and terminal.input:
            self.feed(terminal)
        if events & selectors.EVENT_READ:
            self.drain(terminal, READS_PER_WAKE)
        self.watch(terminal)

    def feed(self, terminal):
        """Types what the terminal takes of the input that waits."""
        try:
            del terminal.input[: os.write(terminal.master, terminal.input[:4096])]
        except BlockingIOError:
            pass
        except OSError:
            terminal.input.clear()

    def drain(self, terminal, reads):
        """Takes up to `reads` pieces of output; closes the master when nobody has the other side open."""
        parts = []
        for _ in range(reads):
            try:
                data = os.read(terminal.master, READ_BYTES)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self.close_master(terminal)
                break
            parts.append(data)
        if parts:
            failed = terminal.log.error
            terminal.log.append(b"".join(parts))
            if terminal.log.error != failed:
                self.tell(
                    {
                        "event": "log",
                        "terminal": terminal.name,
                        "error": terminal.log.error,
                        "offset": terminal.log.end,
                    }
                )
        return len(parts)

    def close_master(self, terminal):
        if terminal.master >= 0:
            try:
                self.selector.unregister(terminal.master)
            except KeyError:
                pass
            os.close(terminal.master)
            terminal.master = -1
            terminal.input.clear()

    def reap(self, wake, _events):
        try:
            wake.recv(4096)
        except BlockingIOError:
            pass
        leaders = {terminal.pid: terminal for terminal in self.terminals.values() if terminal.alive}
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)  # orphans of our children come to us too
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in leaders:
                self.ended(leaders[pid], status)

    def ended(self, terminal, status):
        """Sends all output before the exit: whatever the terminal still holds is in the log first."""
        for _ in range(64):
            if terminal.master < 0 or not self.drain(terminal, READS_PER_WAKE):
                break
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        terminal.alive = False
        terminal.exit = {"code": code, "signal": number, "at": now_ms(), "offset": terminal.log.end}
        self.remember()
        self.tell({"event": "exit", "terminal": terminal.name, "run": terminal.run, **terminal.exit})

    # What must survive this process: which process was started for which run, and how it ended.

    def remember(self):
        runs = {
            name: {"run": t.run, "pid": t.pid, "birth": birth(t.pid) if t.alive else None, "started": t.started,
                   "start": t.start, "exit": t.exit}
            for name, t in self.terminals.items() if t.run
        }  # fmt: skip
        path = os.path.join(self.folder, "runs.json")
        try:
            with open(path + ".new", "w") as file:
                json.dump(runs, file)
            os.replace(path + ".new", path)
        except OSError as failure:
            print("runs.json:", failure, file=sys.stderr, flush=True)

    def recall(self):
        """Takes over from a keeper that is gone. What it left running has lost its terminal and is ended."""
        try:
            with open(os.path.join(self.folder, "runs.json")) as file:
                runs = json.load(file)
        except (OSError, ValueError, RecursionError):
            return
        for name, run in runs.items() if isinstance(runs, dict) else ():
            try:
                self.recall_run(name, run)
            except (Refused, OSError, KeyError, TypeError, ValueError) as failure:
                print("runs.json:", name, failure, file=sys.stderr, flush=True)

    def recall_run(self, name, run):
        terminal = self.terminal({"terminal": name})
        terminal.run, terminal.pid = run["run"], run["pid"]
        terminal.started, terminal.start, terminal.exit = run["started"], run["start"], run["exit"]
        if terminal.exit is None:
            terminal.exit = {
                "code": None,
                "signal": None,
                "at": now_ms(),
                "offset": terminal.log.end,
                "lost": True,
            }
            leader = run["pid"] if birth(run["pid"]) == run["birth"] else -1
            for pid in family(leader, terminal.run):
                kill(pid, signal.SIGKILL)

    # Operations

    def op_hello(self, client, request):
        """Protocol version and every terminal's status; from here on the client gets events."""
        client.wants_events = True
        return {
            "protocol": PROTOCOL,
            "pid": os.getpid(),
            "terminals": {n: t.status() for n, t in self.terminals.items()},
        }

    def op_status(self, _client, request):
        return self.terminal(request).status()

    def op_spawn(self, _client, request):
        """Starts argv in a new session on a new pseudo-terminal. The same `run` twice starts it once."""
        terminal = self.terminal(request)
        if request["run"] != terminal.run:
            if terminal.alive:
                raise Refused("terminal is busy")
            self.close_master(terminal)
            terminal.columns, terminal.rows = request["columns"], request["rows"]
            env = dict(request["env"], KEEPER_RUN=request["run"])
            terminal.start = terminal.log.end
            terminal.pid, terminal.master = spawn(
                request["argv"], env, request["cwd"], terminal.columns, terminal.rows
            )
            terminal.run, terminal.alive, terminal.exit, terminal.started = (
                request["run"],
                True,
                None,
                now_ms(),
            )
            self.remember()
            self.watch(terminal)
        return terminal.status()

    def op_input(self, _client, request):
        terminal = self.terminal(request)
        data = request["data"].encode("utf-8", "replace")
        if terminal.master < 0:
            raise Refused("nothing runs in the terminal")
        if len(terminal.input) + len(data) > INPUT_BYTES:
            raise Refused("too much input waits already")
        waits = bool(terminal.input)
        terminal.input += data
        if not waits:  # a key press goes in at once, not when the loop comes round
            self.feed(terminal)
        self.watch(terminal)
        return {}

    def op_resize(self, _client, request):
        terminal = self.terminal(request)
        terminal.columns, terminal.rows = request["columns"], request["rows"]
        if terminal.master >= 0:
            set_size(terminal.master, terminal.columns, terminal.rows)
        return {}

    def op_signal(self, _client, request):
        """Signals the process, its group, or its whole tree (also after it ended). `sent` counts processes or groups."""
        terminal = self.terminal(request)
        number, to = getattr(signal, request["signal"]), request["to"]
        if to == "tree":
            leader = terminal.pid if terminal.alive else -1
            return {"sent": sum(kill(pid, number) for pid in family(leader, terminal.run))}
        if not terminal.alive:
            return {"sent": 0}
        return {"sent": int(kill(-terminal.pid if to == "group" else terminal.pid, number))}

    def op_follow(self, client, request):
        """Sends the log from `after` on, then whatever is added, as data frames with this request's id."""
        terminal = self.terminal(request)
        client.follows[request["id"]] = [terminal, min(max(0, request["after"]), terminal.log.end)]
        return {"end": terminal.log.end, "oldest": terminal.log.oldest}

    def op_read(self, client, request):
        """One data frame: the first kept bytes at or after `offset`, at most `limit` (256 KiB)."""
        offset, data = self.terminal(request).log.read(
            request["offset"], min(max(1, request["limit"]), ANSWER_BYTES)
        )
        client.send(pack(68, DATA.pack(request["id"], offset), data))

    def op_times(self, _client, request):
        return {"times": self.terminal(request).log.times(request["first"], request["last"])}

    def op_seek(self, _client, request):
        return {"offset": self.terminal(request).log.seek(request["time"])}

    def op_end(self, _client, request):
        """Ends this process, if nothing runs."""
        if any(terminal.alive for terminal in self.terminals.values()):
            raise Refused("something runs")
        self.ending = True
        return {}


# The system


def peer_uid(connection):
    if hasattr(socket, "SO_PEERCRED"):
        return struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
    # macOS: LOCAL_PEERCRED (1) at SOL_LOCAL (0) gives struct xucred: version, uid, ...
    return struct.unpack("2I", connection.getsockopt(0, 1, 8))[1]


def kill(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False
    return True


def set_size(descriptor, columns, rows):
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def spawn(argv, env, cwd, columns, rows):
    """(pid, master). Raises OSError, with the child's own error, when the folder or the program cannot be used."""
    master, slave = os.openpty()
    report, report_in = os.pipe()  # closed by exec; carries the error of what fails before
    set_size(slave, columns, rows)
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            for target in (0, 1, 2):
                os.dup2(slave, target)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            if report_in != 3:
                report_in = os.dup2(report_in, 3, inheritable=False)
            os.closerange(4, 1024)
            os.chdir(cwd)
            os.execvpe(argv[0], argv, env)
        except OSError as failure:
            os.write(report_in, b"%d %s" % (failure.errno or 0, os.fsencode(failure.filename or argv[0])))
        finally:
            os._exit(127)
    os.close(slave)
    os.close(report_in)
    with open(report, "rb") as file:
        problem = os.fsdecode(file.read())
    if problem:
        os.waitpid(pid, 0)
        os.close(master)
        code, _, name = problem.partition(" ")
        raise OSError(int(code), os.strerror(int(code)), name)
    os.set_blocking(master, False)
    return pid, master


def birth(pid):
    """When a process started, in the system's own words: tells it from a later one with the same pid. None if gone."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[19]
    except OSError:
        if os.path.isdir("/proc/self"):
            return None
        return os.popen("ps -o lstart= -p %d" % pid).read().strip() or None


def family(leader, run):
    """Every process that descends from `leader`, is in its session, or carries `run` in its environment."""
    rows = list(processes())
    found = {
        pid
        for pid, _, session in rows
        if pid == leader or (leader > 0 and session == leader) or carries(pid, run)
    }
    while True:
        more = {pid for pid, parent, _ in rows if parent in found} - found
        if not more:
            return found - {os.getpid()}
        found |= more


def processes():
    """(pid, parent, session) of every process that is no zombie."""
    if os.path.isdir("/proc/self"):
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    with open("/proc/%s/stat" % name) as file:
                        state, parent, _, session = file.read().rpartition(")")[2].split()[:4]
                except OSError:
                    continue
                if state not in "ZX":
                    yield int(name), int(parent), int(session)
        return
    for line in os.popen("ps -A -o pid=,ppid=,sess=,stat="):
        pid, parent, session, state = line.split()[:4]
        if not state.startswith("Z"):
            yield int(pid), int(parent), int(session, 16)


def carries(pid, run):
    """Whether a process inherited this run's mark, whatever session or parent it has by now (Linux)."""
    try:
        with open("/proc/%d/environ" % pid, "rb") as file:
            return b"KEEPER_RUN=" + run.encode() in file.read().split(b"\0")
    except OSError:
        return False


def adopt_orphans():
    """Makes orphaned descendants come to this process instead of to init, so that none is lost sight of (Linux)."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(
            36, 1, 0, 0, 0
        )  # PR_SET_CHILD_SUBREAPER; survives the exec below, ctypes does not
    except (ImportError, OSError, AttributeError):
        pass


def detach(arguments):
    """Starts the keeper in a session of its own; ends with 0 when it listens."""
    ready, ready_in = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            adopt_orphans()
            os.set_inheritable(ready_in, True)
            # Imported, not run: a module compiled before costs 2 MiB less than one compiled now.
            code = "import sys; sys.path.insert(0, %r); import keeper; sys.exit(keeper.main(sys.argv[1:]))"
            code %= os.path.dirname(os.path.abspath(__file__))
            os.environ["MALLOC_MMAP_THRESHOLD_"] = "65536"  # glibc: what a flood needed goes back afterwards
            command = [sys.executable, "-I", "-S", "-c", code, "--serve", str(ready_in)]
            os.execv(sys.executable, command + arguments)
        os._exit(0)
    os.close(ready_in)
    with open(ready, "rb") as file:
        return 0 if file.read(1) == b"+" else 1


def main(arguments):
    if arguments[0] == "--detach":
        return detach(arguments[1:])
    ready, folder, path = int(arguments[1]), arguments[2], arguments[3]
    segment_bytes, segments, idle_s = int(arguments[4]), int(arguments[5]), float(arguments[6])
    os.umask(0o077)
    os.makedirs(folder, 0o700, exist_ok=True)
    null = os.open(os.devnull, os.O_RDWR)
    report = os.open(os.path.join(folder, "keeper.log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for target, source in ((0, null), (1, report), (2, report)):
        os.dup2(source, target)
    lock = os.open(os.path.join(folder, "keeper.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for _ in range(100):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            with socket.socket(socket.AF_UNIX) as other:
                if other.connect_ex(path) == 0:  # one listens already
                    os.write(ready, b"+")
                    return 0
            time.sleep(0.05)  # one is on its way out, or in
    else:
        return 1
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    keeper = Keeper(folder, listener, segment_bytes, segments, idle_s)
    os.write(ready, b"+")
    os.close(ready)
    try:
        keeper.serve()
    finally:
        os.unlink(path)
        if os.path.basename(os.path.dirname(path)).startswith(TEMPORARY):
            try:
                os.rmdir(os.path.dirname(path))
            except OSError:
                pass  # other keepers' sockets stand there
    os._exit(0)  # at once: a client takes the end of its connection for the end of this process


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
