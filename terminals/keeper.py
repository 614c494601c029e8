"""The keeper: owns the pseudo-terminals and processes of one bot instance, in a process apart from the server.

Run as `python -I -S keeper.py --detach FOLDER SOCKET SEGMENT_BYTES SEGMENTS IDLE_S [FILES]`. That command exits with 0 once a
keeper listens, be it this one or one that ran already. Standard library only, Python 3.9+, one file, loaded whole at
start: it never imports the application, so an upgrade cannot break a running one, and it can be copied to another host.

Frames in both directions: `!IB` (length of what follows the length, kind), then for kind `J` a JSON object, for kind `D`
`!IQ` (request id, offset of the first byte) and raw output. Requests are `{"id", "op", ...}`, answers `{"id", "ok",
...}` or `{"id", "error"}`. A request with id 0 is answered only if it fails, by the event `refused`. Events,
`{"event": ...}`, go to every client that has sent `hello`. See `Keeper.op_*`.

One thread: nothing runs between two lines of this file but the kernel, the processes in the terminals, and clients, whose
requests wait in their sockets until the loop reads them. Only the note of reserved offsets is written by another one (`Log._reserve`).
"""

import _thread
import bisect
import errno
import fcntl
import json
import os
import re
import resource
import selectors
import signal
import socket
import stat
import struct
import sys
import termios
import time
from collections import deque

PROTOCOL = (1, 4)  # a client refuses another major number; minor ones only add
HEAD = struct.Struct("!IB")
DATA = struct.Struct("!IQ")
INDEX = struct.Struct("!QQ")
SHORT_SEGMENTS = 64
SEGMENT = re.compile(r"0[0-9]{19}\.log", re.ASCII).fullmatch
JSON_FRAME, DATA_FRAME = ord("J"), ord("D")
FRAME_LIMIT = 8 << 20  # JSON may make six bytes of one, and a client types 1 MiB; 4 MiB before protocol 1.3
REASON_CHARACTERS = 4096  # of an error that is told: it may quote a path of any length
READ_BYTES = 16384  # Linux returns at most 4 KiB from a PTY
SEND_BYTES = 65536
SOCKET_FOLDER_PREFIX = "mailauncher-"  # name of a folder of sockets in the system's temporary folder
READS_PER_WAKE = 4  # so that one flood does not starve the other terminals
RING_PIECE_BYTES = 4 << 10
RING_BYTES = 256 << 10  # output kept in memory for each terminal; older output is read from its file
LEAD_BYTES = 256 << 10  # how far the output may be ahead of the foremost active follower
STALL_S = 0.25  # a follower that has taken nothing for this long is no longer active, and nobody waits for it
CLIENT_BYTES = 256 << 10  # output queued for one client; the rest is read from the log when it has room
INPUT_BYTES = 4 << 20
HELD_VIEWERS = 256  # of each terminal, whose numbered input is known
HELD_S = 24 * 3600.0  # how long it is known
VIEWER_CHARACTERS = 64  # of a viewer's id
SOCKET_PATH_BYTES = 100  # what fits into a socket's address; the system's own limit is 104 to 108
WATCH_S = (
    5.0  # how often this keeper looks whether its socket is still there, and saves what it could not save
)
ACCEPT_PAUSE_S = 0.5  # how long no connection is accepted after there was no descriptor left for one
OWN_LIMIT = -1  # for FILES, the soft limit of open files of what runs in the terminals: this keeper's own
FAILURE_PAUSE_S = 0.05  # so that a handler that fails again and again does not take a whole processor
INDEX_EVERY_S = 0.25
# Offsets reserved at once, at least and at most: twice as many again while they do not last a second.
RESERVED_BYTES = (256 << 10, 64 << 20)
# The id of no start of any machine: the record holds after each.
NO_BOOT = "00000000-0000-0000-0000-000000000000"
# The record keeps its length: nothing but its bytes must be on the disk, and nothing that others are writing is waited for.
SYNC_DATA = getattr(os, "fdatasync", os.fsync)
RESERVED = re.compile(rb"([0-9]{20}) ([0-9a-f-]{0,36})\n", re.ASCII).fullmatch
TIMES_MAX = 16384  # pieces of output whose times are told at once
READ_LIMIT_BYTES = 256 << 10
READ_CALLS = {
    "x86_64": b"0", "aarch64": b"63", "riscv64": b"63", "loongarch64": b"63", "armv7l": b"3", "i686": b"3",
    "ppc64le": b"3", "s390x": b"3",
}  # fmt: skip
"""The number of the system call `read` on Linux, by machine."""
NUMBER, TEXT, NOTHING = (int,), (str,), (type(None),)
RUN_TYPES = {
    "run": TEXT, "pid": NUMBER, "birth": TEXT + NOTHING, "started": NUMBER, "start": NUMBER, "exit": (dict, *NOTHING)
}  # fmt: skip
EXIT_TYPES = {"at": NUMBER, "offset": NUMBER, "code": NUMBER + NOTHING, "signal": NUMBER + NOTHING}


def pack(kind, *parts):
    """One frame of the protocol."""
    return HEAD.pack(1 + sum(len(part) for part in parts), kind) + b"".join(parts)


def pack_json(value):
    return pack(JSON_FRAME, json.dumps(value, separators=(",", ":")).encode())


def unpack(buffer):
    """Removes the complete frames from the front of a bytearray and yields (kind, payload). Raises ValueError for a bad
    length."""
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
    """The output of one terminal, by offset, in segment files named by the offset of their first byte.

    The oldest is deleted when all have more bytes than `segments` full ones. Output that could not be written (full disk)
    leaves a gap, and what follows begins a segment, however short the one before; of too many the shortest is deleted. `read`
    skips gaps, so the offset that it returns tells what is lost. A power cut loses what the disk had not yet; so that no offset is
    given twice, it is put on the disk beforehand that those up to `reserved` may be, and after a power cut the output goes on there,
    behind a gap. `.index` files hold (milliseconds, offset) pairs, at most one
    per 250 ms. The clock may be set back, so the times may fall; the offsets never do.
    """

    def __init__(self, folder, segment_bytes, segments):
        self.folder, self.segment_bytes, self.segments = folder, segment_bytes, segments
        os.makedirs(folder, 0o700, exist_ok=True)
        self.starts = sorted(int(name[:-4]) for name in os.listdir(folder) if SEGMENT(name))
        self.end = self.starts[-1] + os.path.getsize(self._path(self.starts[-1])) if self.starts else 0
        self.boot = boot_id()
        self.reserved, self.reserved_bytes = 0, RESERVED_BYTES[0]
        self.reserve_at, self.reserve_failed, self.reserving = float("-inf"), False, False
        self.end = max(self.end, self._reserved_before_a_power_cut())
        self.file = self.index = -1
        self.written = 0  # bytes in the open segment
        self.total = sum(map(self._size, self.starts))
        self.falls = {}  # start of a segment -> see `find_falls`
        self.indexed_at = float("-inf")
        self.error = ""  # why the log cannot be written at present
        self.retry_at = 0.0
        # The newest output, in pieces: a bytearray would be copied with every addition.
        self.ring = deque()  # type: ignore[var-annotated]  # see pyproject.toml
        self.ring_start = self.end
        try:
            self._repair()
        except OSError:
            pass  # what cannot be read or written now is a gap in times

    def _repair(self):
        """Removes what a power cut may have left: at the end of the newest index a part of an entry, zeros, or entries of
        output that is not there, and the index of a segment that was being deleted."""
        for name in os.listdir(self.folder):
            if name.endswith(".index") and SEGMENT(name[:-6] + ".log") and int(name[:-6]) not in self.starts:
                os.unlink(os.path.join(self.folder, name))
        if not self.starts:
            return
        start = self.starts[-1]
        with open(open_regular(self._path(start, ".index"), os.O_RDWR), "r+b", buffering=0) as file:
            index, size = file.fileno(), os.fstat(file.fileno()).st_size
            count, end = size // INDEX.size, start + self._size(start)
            while count:
                at, offset = INDEX.unpack(os.pread(index, INDEX.size, (count - 1) * INDEX.size))
                if at and start <= offset < end:
                    break
                count -= 1
            if count * INDEX.size != size:
                os.ftruncate(index, count * INDEX.size)

    def _path(self, start, suffix=".log"):
        return os.path.join(self.folder, "%020d%s" % (start, suffix))

    @property
    def oldest(self):
        return self.starts[0] if self.starts else self.ring_start

    def append(self, data):
        """Adds output at the end. Never fails: output that cannot be written stays in the ring for a while."""
        start = self.end
        if start + len(data) + self.reserved_bytes // 2 > self.reserved and not self.reserving:
            self._reserve(start + len(data))
        self.end += len(data)
        self._append_to_ring(data)
        if self.error and time.monotonic() < self.retry_at:
            return
        try:
            if self.file < 0 or self.written + len(data) > self.segment_bytes:
                self._open_segment(start, len(data))
            self._index_time(start)
            wrote = os.write(self.file, data)
            self.written += wrote
            self.total += wrote
            if wrote < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.error = ""
            self._prune()
        except OSError as failure:
            self.close()
            if not self.written and self.starts and self.starts[-1] == start:
                self._delete_segment(start)
            self.error = failure.strerror or str(failure)
            self.retry_at = time.monotonic() + 1

    def _prune(self):
        while self.total > self.segments * self.segment_bytes and len(self.starts) > 1:
            self._delete_segment(self.starts[0])
        while len(self.starts) > self.segments + SHORT_SEGMENTS:
            self._delete_segment(min(self.starts[:-1], key=self._size))

    def _size(self, start):
        try:
            return os.path.getsize(self._path(start))
        except OSError:
            return 0

    def _reserved_before_a_power_cut(self):
        """The offset up to which offsets may have been given, if the machine has been started since, or that is not known."""
        try:
            with open(open_regular(self._path_of_reserved(), os.O_RDONLY), "rb", buffering=0) as file:
                record = RESERVED(file.read(64))
        except OSError:
            return 0
        if record is None:  # it was begun, and no more of it is on the disk
            return self.end + RESERVED_BYTES[1]
        boot = record[2].decode()
        return 0 if boot and boot == self.boot else int(record[1])

    def _reserve(self, end):
        """Has it put on the disk that offsets up to some bytes beyond `end` may be given, before half of those are left.

        Nothing waits for that: a disk that others keep busy may take long, and the programs in all terminals of this keeper would
        stand still meanwhile. Output that is quicker than the disk goes on without, and so does the very first.

        The other thread writes the file and the fields named `reserve...`. There is one at most, since `reserving` stands from before
        its start to its last line. The loop may fork meanwhile: the thread then holds nothing that the child uses before it executes
        its program. It may write after `settle` has: then there is a gap that need not be.
        """
        now = time.monotonic()
        if now < self.reserve_at:
            return
        least, most = RESERVED_BYTES
        quick = self.reserved and now - self.reserve_at < 1
        self.reserved_bytes = min(2 * self.reserved_bytes, most) if quick else least
        self.reserving = True
        try:
            in_background(lambda: self._try_to_reserve(end + self.reserved_bytes, now))
        except RuntimeError:  # there is no room for a thread
            self.reserve_at, self.reserving = now + 1, False

    def _try_to_reserve(self, end, now):
        try:
            self._write_reserved(end, self.boot, synced=True)
            self.reserve_at, self.reserve_failed = now, False
        except OSError as failure:
            self.reserve_at = now + 1
            if not self.reserve_failed:
                log_line("reserved", failure)
            self.reserve_failed = True
        finally:
            self.reserving = False

    def _write_reserved(self, reserved, boot, synced):
        path = self._path_of_reserved()
        is_new = not os.path.exists(path)
        file = open_regular(path, os.O_WRONLY | os.O_CREAT)
        try:
            os.pwrite(file, b"%020d %s\n" % (reserved, boot.encode()), 0)
            if synced:
                SYNC_DATA(file)
        finally:
            os.close(file)
        if is_new and synced:
            for _ in range(3):  # the folder, and those that may be as new
                path = os.path.dirname(path)
                sync_folder(path)
        self.reserved = reserved

    def _path_of_reserved(self):
        return os.path.join(self.folder, "reserved")

    def settle(self):
        """The end of this log's keeper: the next one goes on exactly here, also where the file ends earlier since the disk was full."""
        self.close()
        if self.reserved:
            try:
                self._write_reserved(self.end, NO_BOOT[: len(self.boot)], synced=False)
            except OSError:
                pass  # then there is a gap

    def _append_to_ring(self, data):
        if self.ring and len(self.ring[-1]) + len(data) <= RING_PIECE_BYTES:
            data = self.ring.pop() + data  # small pieces cost more than their bytes
        self.ring.append(data)
        while self.end - self.ring_start - len(self.ring[0]) >= RING_BYTES:
            self.ring_start += len(self.ring.popleft())

    def _open_segment(self, start, length):
        """Opens the newest segment if `length` bytes at `start` continue it and fit into it, else a new one."""
        self.close()
        last = self.starts[-1] if self.starts else -1
        size = os.path.getsize(self._path(last)) if self.starts else 0
        if last < 0 or last + size != start or size + length > self.segment_bytes:
            last, size = start, 0
            self.starts.append(start)
        self.written, self.indexed_at = size, float("-inf")
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self.file = open_regular(self._path(last), flags)
        self.index = open_regular(self._path(last, ".index"), flags)

    def _delete_segment(self, start):
        self.starts.remove(start)
        self.falls.pop(start, None)
        self.total -= self._size(start)
        for suffix in (".log", ".index"):
            try:
                os.unlink(self._path(start, suffix))
            except OSError:
                pass

    def _index_time(self, start):
        now = time.monotonic()
        if now - self.indexed_at >= INDEX_EVERY_S:
            self.indexed_at = now
            os.write(self.index, INDEX.pack(now_ms(), start))

    def close(self):
        for descriptor in (self.file, self.index):
            if descriptor >= 0:
                os.close(descriptor)
        self.file = self.index = -1

    def read(self, offset, limit):
        """(offset, data) of the first bytes kept at or after `offset`; no data at the end."""
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
            with open(open_regular(self._path(start), os.O_RDONLY), "rb", buffering=0) as file:
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
        """Offset of the first indexed output at or after `moment` (milliseconds); the end if there is none. Where the clock was
        set back, and passed this moment more than once, it is the last time that counts."""
        following = self.end
        for stretch in self.index_stretches():
            number = bisect.bisect_left(stretch, moment)
            if number:
                return stretch.entry(number)[1] if number < len(stretch) else following
            following = stretch.entry(0)[1]
        return following

    def times(self, first, last):
        """(milliseconds, offset, end) of the output that was printed from `first` to `last`, piece by piece, the newest 16,384
        pieces."""
        found, following = deque(), self.end  # type: ignore[var-annotated]  # see pyproject.toml
        for stretch in self.index_stretches():
            end = bisect.bisect_right(stretch, last)
            begin = min(end, max(bisect.bisect_left(stretch, first), end - TIMES_MAX + len(found)))
            entries = stretch.entries(begin, end + 1)
            after = entries.pop()[1] if len(entries) > end - begin else following
            for at, offset in reversed(entries):
                found.appendleft((at, offset, after))
                after = offset
            following = stretch.entry(0)[1]
        return found

    def index_stretches(self):
        """The entries of the index, the newest first: one with millions of them is not read whole for each question."""
        for start in reversed(self.starts):
            try:
                with open(open_regular(self._path(start, ".index"), os.O_RDONLY), "rb", buffering=0) as file:
                    end, falls = self.find_falls(start, file.fileno())
                    for begin in reversed([0, *falls]):
                        if begin < end:
                            yield Stretch(file.fileno(), begin, end)
                        end = begin
            except OSError:
                continue

    def find_falls(self, start, index):
        """(how many entries an index has, the numbers of those whose time is before that of the entry before). Each entry is
        looked at once."""
        count, before, falls = self.falls.get(start, (0, 0, []))
        while True:
            raw = os.pread(index, READ_LIMIT_BYTES, count * INDEX.size)
            times = [at for at, _ in INDEX.iter_unpack(raw[: len(raw) // INDEX.size * INDEX.size])]
            if not times:
                return count, falls
            for at in times:
                if at < before:
                    falls.append(count)
                count, before = count + 1, at
            self.falls[start] = count, before, falls


class Stretch:
    """A stretch of an index in which the times do not fall: a sequence of its times, read from the file as needed."""

    def __init__(self, index, begin, end):
        self.index, self.begin, self.end = index, begin, end

    def __len__(self):
        return self.end - self.begin

    def __getitem__(self, number):
        return self.entry(number)[0]

    def entry(self, number):
        return self.entries(number, number + 1)[0]

    def entries(self, begin, end):
        """(milliseconds, offset) of the entries from one number to before another, as far as the stretch goes."""
        begin, end = self.begin + begin, min(self.begin + end, self.end)
        return list(INDEX.iter_unpack(os.pread(self.index, (end - begin) * INDEX.size, begin * INDEX.size)))


class Terminal:
    """One pseudo-terminal, the process in it, and its log. `run` is the id that a client gave the process."""

    def __init__(self, name, log):
        self.name, self.log = name, log
        self.run = ""
        self.pid = self.master = self.slave = -1  # the slave is held while the process lives; see `spawn`
        self.alive = False
        self.exit = None
        self.started = 0  # milliseconds since 1970, by a clock that may be set anew meanwhile
        self.began = 0.0  # the same moment, by a clock that nobody sets
        self.start = log.end  # offset at which this run began
        self.columns, self.rows = 80, 24
        self.input = bytearray()
        self.held = {}  # viewer -> (seq of its last numbered input, when), the one that typed last at the end
        self.paused = False

    def status(self):
        return {
            "run": self.run, "pid": self.pid, "alive": self.alive, "exit": self.exit, "started": self.started,
            "start": self.start, "end": self.log.end, "oldest": self.log.oldest, "columns": self.columns,
            "rows": self.rows, "log_error": self.log.error, "waiting": len(self.input),
            "age": time.monotonic() - self.began if self.alive else None,
        }  # fmt: skip

    def hold(self, viewer, seq):
        """Notes that this input has been taken, and forgets viewers that typed long ago or are too many."""
        now = time.monotonic()
        self.held.pop(viewer, None)
        self.held[viewer] = seq, now
        while len(self.held) > HELD_VIEWERS or now - next(iter(self.held.values()))[1] > HELD_S:
            del self.held[next(iter(self.held))]


class Client:
    """One connection. Output for it is read from the log while its queue has room, so a stalled one costs 256 KiB."""

    def __init__(self, connection):
        self.connection = connection
        self.received = bytearray()
        self.queue = deque()  # type: ignore[var-annotated]  # see pyproject.toml
        self.queued_bytes = 0
        self.moved_at = time.monotonic()
        self.wants_events = False
        self.follows = {}  # request id -> [terminal, cursor]

    def send(self, frame):
        self.queue.append(frame)
        self.queued_bytes += len(frame)

    def flush(self):
        """Sends what the socket takes. Raises OSError if the client has closed the connection."""
        while self.queue:
            try:
                sent = self.connection.send(self.queue[0])
            except BlockingIOError:
                return
            self.queued_bytes -= sent
            self.moved_at = time.monotonic()
            if sent < len(self.queue[0]):
                self.queue[0] = memoryview(self.queue[0])[sent:]
                return
            self.queue.popleft()


class RequestError(Exception):
    """A request that is refused; the client gets the text."""


class Keeper:
    """The event loop: sockets, masters and SIGCHLD, one thread."""

    def __init__(self, folder, lock, path, segment_bytes, segments, idle_s, files):
        self.files = files
        self.folder, self.segment_bytes, self.segments, self.idle_s = folder, segment_bytes, segments, idle_s
        self.lock = lock
        self.path = path
        self.listener, self.socket_identity = listen(path)
        self.accepts = True
        self.accept_at = 0.0
        self.watch_at = time.monotonic() + WATCH_S
        self.saved = True
        self.failure = ""
        self.selector = selectors.DefaultSelector()
        self.terminals = {}
        self.clients = set()
        self.last_request_at = time.monotonic()
        self.ending = False
        self.wake, wakeup_in = socket.socketpair()
        for end in (self.wake, wakeup_in):
            end.setblocking(False)
        self.wakeup_in = wakeup_in
        signal.set_wakeup_fd(wakeup_in.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
        self.selector.register(self.listener, selectors.EVENT_READ, self.accept)
        self.selector.register(self.wake, selectors.EVENT_READ, self.on_signal)
        self.load_runs()

    # The loop

    def serve(self):
        """Handles events until there is no more use for this keeper.

        A handler may close what a later event of the same batch is about, and the number of the descriptor may be in use
        again by then. Handlers know their terminal or client, not the descriptor, and cope with a closed one, or with one
        that has nothing to read yet.

        A lack of memory or of descriptors ends no round: the next one may find what this one lacked, and with this
        keeper all its programs would end.
        """
        while not self.ending:
            try:
                for key, events in self.selector.select(self.select_timeout()):
                    key.data(key.fileobj, events)
                for client in list(self.clients):
                    self.send_output(client)
            except (OSError, MemoryError) as failure:
                self.report(repr(failure))
                try:
                    self.wakeup_in.send(b"\0")  # what was told by a signal may not have been done
                except OSError:
                    pass  # it waits there already
                time.sleep(FAILURE_PAUSE_S)
        for terminal in self.terminals.values():
            terminal.log.settle()

    def select_timeout(self):
        """How long to wait for events: until the next look at the socket, at paused terminals, or until this keeper has been
        idle for long."""
        now = time.monotonic()
        if now >= self.watch_at:
            self.watch()
        left = self.watch_at - now
        if not self.accepts:
            if now >= self.accept_at:
                self.selector.register(self.listener, selectors.EVENT_READ, self.accept)
                self.accepts = True
            else:
                left = min(left, self.accept_at - now)
        return max(0, min(left, self.idle_timeout()))

    def idle_timeout(self):
        paused = [terminal for terminal in self.terminals.values() if terminal.paused]
        for terminal in paused:
            self.update_interest(terminal)
        if any(terminal.paused for terminal in paused):
            return 0.05
        if any(terminal.alive for terminal in self.terminals.values()) or any(
            client.follows for client in self.clients
        ):
            return WATCH_S
        left = self.last_request_at + self.idle_s - time.monotonic()
        if left <= 0:
            # A client may be in the listener's queue, or connect before `main` unlinks the socket. It sees the end of its
            # connection instead of an answer, and tries again. Clients that come later find no socket, and start another
            # keeper, which waits for our lock.
            self.ending = True
            return 0
        return left

    def accept(self, listener, _events):
        try:
            connection, _ = listener.accept()
        except OSError as failure:
            if failure.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                # The connection stays in the queue, so the listener stays ready: the loop would spin.
                self.selector.unregister(self.listener)
                self.accepts, self.accept_at = False, time.monotonic() + ACCEPT_PAUSE_S
            return
        if peer_uid(connection) != os.getuid():
            connection.close()
            return
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 128 << 10)
        client = Client(connection)
        self.clients.add(client)
        self.selector.register(
            connection, selectors.EVENT_READ, lambda _s, events: self.on_client_ready(client, events)
        )

    def on_client_ready(self, client, events):
        if events & selectors.EVENT_READ:
            try:
                data = client.connection.recv(1 << 18)
                if not data:
                    raise ConnectionError
                client.received += data
                for kind, payload in unpack(client.received):
                    if kind != JSON_FRAME:
                        raise ValueError("unexpected frame")
                    self.handle_request(client, json.loads(payload))
            except BlockingIOError:
                pass
            except (OSError, ValueError, AttributeError, TypeError, RecursionError, struct.error):
                self.disconnect(client)

    def handle_request(self, client, request):
        self.last_request_at = time.monotonic()
        number = request.get("id", 0)
        try:
            op = getattr(self, "op_" + str(request.get("op")), None)
            if op is None:
                raise RequestError("unknown operation")
            reply = op(client, request)
            if reply is not None and number:
                client.send(pack_json(dict(reply, id=number, ok=True)))
        except (
            RequestError, OSError, MemoryError, KeyError, TypeError, ValueError, struct.error
        ) as failure:  # fmt: skip
            refusal = {"id": number} if number else {"event": "refused", "terminal": request.get("terminal")}
            refusal["errno"] = failure.errno if isinstance(failure, OSError) else None
            reason = (str(failure) or type(failure).__name__)[:REASON_CHARACTERS]
            client.send(pack_json(dict(refusal, error=reason)))

    def disconnect(self, client):
        if client in self.clients:
            self.clients.discard(client)
            self.selector.unregister(client.connection)
            client.connection.close()

    def send_output(self, client):
        """Sends what the client's socket takes, and fills its queue from the logs that it follows."""
        try:
            client.flush()
            for number, follow in list(client.follows.items()):
                terminal = follow[0]
                while follow[1] < terminal.log.end and client.queued_bytes < CLIENT_BYTES:
                    offset, data = terminal.log.read(follow[1], SEND_BYTES)
                    client.send(pack(DATA_FRAME, DATA.pack(number, offset), data))
                    follow[1] = offset + len(data)
                    client.flush()
        except (OSError, TypeError, struct.error):
            self.disconnect(client)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.queue else 0)
        key = self.selector.get_key(client.connection)
        if key.events != wanted:
            self.selector.modify(client.connection, wanted, key.data)

    def broadcast(self, event):
        frame = pack_json(event)
        for client in self.clients:
            if client.wants_events:
                client.send(frame)

    # Terminals

    def terminal(self, request):
        name = request["terminal"]
        if name not in self.terminals:
            if not name or not all(c.isalnum() or c in "-." for c in name) or name[0] == ".":
                raise RequestError("bad terminal name")
            log = Log(os.path.join(self.folder, name), self.segment_bytes, self.segments)
            self.terminals[name] = Terminal(name, log)
        return self.terminals[name]

    def update_interest(self, terminal):
        """Registers the master for the events that matter now: output unless paused, room for input if some is queued."""
        if terminal.master < 0:
            return
        terminal.paused = self.must_pause(terminal)
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
                terminal.master, wanted, lambda _fd, events: self.on_master_ready(terminal, events)
            )

    def must_pause(self, terminal):
        """Whether the program should wait: the output is far ahead even of the foremost active follower.

        A follower with an empty queue counts as active, however long ago it took something: it has had nothing to take.
        Nothing tells of a follower that stops being active; so `select_timeout` checks paused terminals every 50 ms.
        """
        moving = time.monotonic() - STALL_S
        behind = [
            terminal.log.end - follow[1] + client.queued_bytes
            for client in self.clients
            for follow in client.follows.values()
            if follow[0] is terminal and (client.moved_at > moving or not client.queue)
        ]
        return bool(behind) and min(behind) > LEAD_BYTES

    def on_master_ready(self, terminal, events):
        if events & selectors.EVENT_WRITE and terminal.input:
            self.write_input(terminal)
        if events & selectors.EVENT_READ:
            self.read_output(terminal, READS_PER_WAKE)
        self.update_interest(terminal)

    def write_input(self, terminal):
        """Writes as much of the queued input as the terminal takes."""
        try:
            del terminal.input[: os.write(terminal.master, terminal.input[:4096])]
        except BlockingIOError:
            pass
        except OSError:
            terminal.input.clear()

    def read_output(self, terminal, reads):
        """Reads up to `reads` pieces of output. Closes the master if no process can print any more: the one that was
        started has ended, and nobody has the other side open."""
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
                self.broadcast(
                    {
                        "event": "log",
                        "terminal": terminal.name,
                        "error": terminal.log.error,
                        "offset": terminal.log.end,
                    }
                )
        return len(parts)

    def close_slave(self, terminal):
        if terminal.slave >= 0:
            os.close(terminal.slave)
            terminal.slave = -1

    def close_master(self, terminal):
        if terminal.master >= 0:
            try:
                self.selector.unregister(terminal.master)
            except KeyError:
                pass
            os.close(terminal.master)
            terminal.master = -1
            terminal.input.clear()

    def on_signal(self, wake, _events):
        """SIGCHLD: a process has ended. SIGHUP: somebody does not find the socket."""
        try:
            signals = wake.recv(4096)
        except BlockingIOError:
            signals = b""
        if signal.SIGHUP in signals:
            self.watch()
        self.reap()

    def reap(self):
        """Collects the processes that have ended.

        Several signals may have been merged into one, so this waits until there is nothing left to collect. A pid cannot
        be taken for another's: it stays in use until `waitpid` returns it, and `record_exit` ends its use here before the
        next fork. `spawn` collects a child of its own that could not execute; the signal of that one finds nothing here.
        """
        leaders = {terminal.pid: terminal for terminal in self.terminals.values() if terminal.alive}
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)  # any child: orphans of ours become ours
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in leaders:
                self.record_exit(leaders[pid], status)

    def record_exit(self, terminal, status):
        """Notes how the process of a terminal ended, and tells the clients. The order matters:

        1. What the terminal still holds goes to the log, because `offset` must be the end of the process's output:
           viewers are shown the output up to there, then the exit. (The number of reads is bounded because a process
           that was left behind may go on printing.)
        2. The exit is saved before it is told. If this keeper died in between, in the other order, the next one would
           report as lost a run whose exit code clients have seen.

        `left` and `programs` count what it has left behind; see `left_behind`. The system sends SIGHUP to the processes of its
        session in the foreground as the process ends, so most of them end now too. They are our children, and counted before
        we collect them.
        """
        left = programs = 0
        try:
            left, programs = left_behind(terminal.pid)
            for _ in range(64):
                if terminal.master < 0 or not self.read_output(terminal, READS_PER_WAKE):
                    break
        except MemoryError:
            pass  # the process has been collected, and nobody would learn of its end
        self.close_slave(terminal)
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        terminal.alive = False
        terminal.exit = {
            "code": code, "signal": number, "at": now_ms(), "offset": terminal.log.end, "left": left,
            "programs": programs,
        }  # fmt: skip
        self.save_runs()
        self.broadcast({"event": "exit", "terminal": terminal.name, "run": terminal.run, **terminal.exit})

    # What others may take away

    def watch(self):
        """Makes good what has gone wrong outside: the socket is made anew where a cleaner of temporary files has removed
        it, and the runs are saved that could not be saved."""
        self.watch_at = time.monotonic() + WATCH_S
        if not self.saved:
            self.save_runs()
        try:
            if identity(self.path) != self.socket_identity and self.hold_lock():
                listener, self.socket_identity = listen(self.path)
                if self.accepts:
                    self.selector.unregister(self.listener)
                self.listener.close()
                self.listener, self.accepts = listener, True
                self.selector.register(listener, selectors.EVENT_READ, self.accept)
                log_line("the socket was made anew")
        except OSError as failure:
            self.report("socket: %s" % failure)

    def report(self, failure):
        """Logs what may happen many times a second, once."""
        if failure != self.failure:
            self.failure = failure
            log_line(failure)

    def hold_lock(self):
        """Whether this keeper still owns its folder, and with it the socket's path. Where the file of the lock was removed,
        another keeper may have locked the file that came after it; if there is none, it is locked here."""
        path = os.path.join(self.folder, "keeper.lock")
        if identity(path) == identity(self.lock):
            return True
        os.makedirs(self.folder, 0o700, exist_ok=True)
        lock = open_lock(path)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            return False
        write_pid(lock)
        os.close(self.lock)
        self.lock = lock
        return True

    def leave(self):
        """Removes the socket, unless another one is there by now."""
        if identity(self.path) == self.socket_identity:
            remove_file(self.path)

    # What survives this keeper, in runs.json: the process started for each run, and how it ended.

    def save_runs(self):
        runs = {
            name: {"run": t.run, "pid": t.pid, "birth": start_time(t.pid) if t.alive else None, "started": t.started,
                   "start": t.start, "exit": t.exit}
            for name, t in self.terminals.items() if t.run
        }  # fmt: skip
        path = os.path.join(self.folder, "runs.json")
        failed = not self.saved
        self.saved = True
        try:
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
                with open(open_regular(path + ".new", flags), "w") as file:
                    json.dump(runs, file)
                os.replace(path + ".new", path)
            except OSError:
                remove_file(path + ".new")  # its bytes may be the last that are free
                raise
        except (OSError, MemoryError) as failure:
            self.saved = False  # `watch` tries again
            if not failed:
                log_line("runs.json", failure)

    def load_runs(self):
        """Takes over from a keeper that died. The processes that it left running have lost their terminals and are killed:
        those that `runs.json` knows, and, because that may be missing, all that carry the mark of this keeper's folder.

        This runs after the lock is held and before the first request is read. The former keeper is dead, then, and no
        client can start a run whose former process is still alive.
        """
        try:
            with open(open_regular(os.path.join(self.folder, "runs.json"), os.O_RDONLY), "rb") as file:
                runs = json.loads(file.read(FRAME_LIMIT))
        except (OSError, ValueError, RecursionError):
            runs = None
        for name, run in runs.items() if isinstance(runs, dict) else ():
            try:
                self.restore_run(name, run)
            except (RequestError, OSError, AttributeError, KeyError, TypeError, ValueError) as failure:
                self.terminals.pop(name, None)
                log_line("runs.json", name, failure)
        for _ in range(100):
            left = [pid for pid in marked(self.folder) if kill(pid, signal.SIGKILL)]
            if not left:
                break
            time.sleep(0.02)

    def restore_run(self, name, run):
        require_types(run, RUN_TYPES)
        if run["exit"] is not None:
            require_types(run["exit"], EXIT_TYPES)
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
            leader = run["pid"] if run["birth"] and start_time(run["pid"]) == run["birth"] else -1
            for pid in process_tree(leader, terminal.run):
                kill(pid, signal.SIGKILL)

    # Operations

    def op_hello(self, client, request):
        """The protocol version and every terminal's status. From now on the client gets events.

        In one step: an exit is either in these statuses or an event after them.
        """
        client.wants_events = True
        return {
            "protocol": PROTOCOL,
            "pid": os.getpid(),
            "terminals": {n: t.status() for n, t in self.terminals.items()},
        }

    def op_status(self, _client, request):
        return self.terminal(request).status()

    def op_spawn(self, _client, request):
        """Starts argv in a new session on a new pseudo-terminal. A second request with the same `run` starts nothing.

        A process that ends at once is collected by the loop, after this: its exit event follows the answer. The run is
        saved after the start, because only then its pid is known. If this keeper died in between, the process would lose
        its terminal and get SIGHUP.
        """
        terminal = self.terminal(request)
        if request["run"] != terminal.run:
            if terminal.alive:
                raise RequestError("terminal is busy")
            self.close_master(terminal)
            terminal.columns, terminal.rows = request["columns"], request["rows"]
            env = dict(request["env"], KEEPER_RUN=request["run"])
            env["KEEPER_TERMINAL"] = os.path.join(self.folder, terminal.name)
            terminal.start = terminal.log.end
            terminal.pid, terminal.master, terminal.slave = spawn(
                request["argv"],
                env,
                request["cwd"],
                terminal.columns,
                terminal.rows,
                limit_mark(request["run"]),
                self.files,
            )
            terminal.run, terminal.alive, terminal.exit, terminal.started = (
                request["run"],
                True,
                None,
                now_ms(),
            )
            terminal.began = time.monotonic()
            self.update_interest(terminal)
            self.save_runs()
        return terminal.status()

    def op_input(self, _client, request):
        """Types. With `viewer` and `seq`, input that may be sent again is typed once: only if its number is the one after
        `held`, the viewer's last one that was typed, which the answer tells."""
        terminal = self.terminal(request)
        data = request["data"].encode("utf-8", "replace")
        if "seq" not in request:
            self.type(terminal, data)
            return {}
        viewer, seq = request["viewer"], request["seq"]
        require_types(request, {"viewer": TEXT, "seq": NUMBER})
        if not 1 <= len(viewer) <= VIEWER_CHARACTERS:
            raise RequestError("bad viewer")
        held = terminal.held.get(viewer, (0, 0))[0]
        if seq == held + 1:
            self.type(terminal, data, viewer, seq)
            held = seq
        return {"held": held}

    def type(self, terminal, data, viewer=None, seq=0):
        if terminal.master < 0:
            raise RequestError("nothing runs in the terminal")
        if len(terminal.input) + len(data) > INPUT_BYTES:
            raise RequestError("too much input waits already")
        waits = bool(terminal.input)
        terminal.input += data
        if viewer is not None:  # in one step: whatever fails from here on, the input is there
            terminal.hold(viewer, seq)
        if not waits:  # a key press is written at once, not in the next round of the loop
            self.write_input(terminal)
        self.update_interest(terminal)

    def op_reading(self, _client, request):
        """`reading`: whether something in the terminal waits for input; null where that cannot be known."""
        terminal = self.terminal(request)
        open_now = terminal.alive and terminal.master >= 0
        return {"reading": is_read(terminal.master, terminal.pid) if open_now else False}

    def op_resize(self, _client, request):
        terminal = self.terminal(request)
        terminal.columns, terminal.rows = request["columns"], request["rows"]
        if terminal.master >= 0:
            fcntl.ioctl(terminal.master, termios.TIOCSWINSZ, window_size(terminal.columns, terminal.rows))
        return {}

    def op_signal(self, _client, request):
        """Signals the process, its group, or its whole tree (the tree also after it ended). `sent`: processes or groups
        signalled."""
        terminal = self.terminal(request)
        number, to = getattr(signal, request["signal"]), request["to"]
        if to == "tree":
            leader = terminal.pid if terminal.alive else -1
            return {"sent": sum(kill(pid, number) for pid in process_tree(leader, terminal.run))}
        if not terminal.alive:
            return {"sent": 0}
        return {"sent": int(kill(-terminal.pid if to == "group" else terminal.pid, number))}

    def op_follow(self, client, request):
        """Sends the log from `after` on, and all further output, as data frames with this request's id."""
        terminal = self.terminal(request)
        client.follows[request["id"]] = [terminal, min(max(0, request["after"]), terminal.log.end)]
        return {"end": terminal.log.end, "oldest": terminal.log.oldest}

    def op_read(self, client, request):
        """One data frame: the first bytes kept at or after `offset`, at most `limit` (256 KiB)."""
        offset, data = self.terminal(request).log.read(
            request["offset"], min(max(1, request["limit"]), READ_LIMIT_BYTES)
        )
        client.send(pack(DATA_FRAME, DATA.pack(request["id"], offset), data))

    def op_times(self, _client, request):
        found = self.terminal(request).log.times(request["first"], request["last"])
        return {"times": [piece[:2] for piece in found], "ends": [piece[2] for piece in found]}

    def op_seek(self, _client, request):
        return {"offset": self.terminal(request).log.seek(request["time"])}

    def op_end(self, _client, request):
        """Ends this keeper, unless something runs."""
        if any(terminal.alive for terminal in self.terminals.values()):
            raise RequestError("something runs")
        self.ending = True
        return {}


# The system


def log_line(*words):
    """Writes a line to `keeper.log`, which is standard error. Never fails.

    Often the line says that the disk is full, and the log is on that disk. An exception here would leave the calling
    function: `reap`, and so the loop, and with this keeper every other program of it would end; or `op_spawn`, and a
    process that was started would be reported as refused.
    """
    try:
        os.write(2, (": ".join(map(str, words)) + "\n").encode("utf-8", "backslashreplace"))
    except OSError:
        pass


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


def window_size(columns, rows):
    """For TIOCSWINSZ. Raises struct.error outside 0-65535."""
    return struct.pack("HHHH", rows, columns, 0, 0)


def require_types(values, types):
    """Raises KeyError, ValueError unless the dictionary has these values. True is no number."""
    for key, kind in types.items():
        if not isinstance(values[key], kind) or isinstance(values[key], bool):
            raise ValueError("%s: %r" % (key, values[key]))


def identity(file):
    """(device, inode) of a path or descriptor; None if there is nothing."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def open_regular(path, flags):
    """A descriptor of a regular file. Raises OSError for anything else: the open of a pipe would wait for its other end, and
    a device may have no end."""
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", path)
    return descriptor


def in_background(work):
    _thread.start_new_thread(work, ())


def sync_folder(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def boot_id():
    """What tells one start of this machine from another; empty where nothing does."""
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:
            return file.read(64).decode("ascii", "replace").strip()
    except OSError:
        return ""


def open_lock(path):
    return open_regular(path, os.O_RDWR | os.O_CREAT)


def write_pid(lock):
    """For whoever looks for this keeper without finding its socket. There may be no room for it."""
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % os.getpid(), 0)
    except OSError:
        pass


def remove_file(path):
    try:
        os.unlink(path)
    except OSError:
        pass


def address(path):
    """(address, descriptor) for a socket at `path`. The address of a socket is short: a long path is reached through the
    descriptor of its folder, which the caller closes (-1: there is none). Raises OSError."""
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES:
        return path, -1
    folder = os.open(
        os.path.dirname(path), getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
    )
    return "/proc/self/fd/%d/%s" % (folder, os.path.basename(path)), folder


def listen(path):
    """(listener, its identity). Whoever calls this holds the lock, and so owns the path. Raises OSError."""
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    remove_file(path)
    short, folder = address(path)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(short)
        listener.listen(64)
        listener.setblocking(False)
        os.chmod(path, 0o600)
    except OSError:
        listener.close()
        raise
    finally:
        if folder >= 0:
            os.close(folder)
    return listener, identity(path)


def listens(path):
    """Whether somebody accepts connections at the path."""
    try:
        short, folder = address(path)
    except OSError:
        return False
    with socket.socket(socket.AF_UNIX) as other:
        found = other.connect_ex(short) == 0
    if folder >= 0:
        os.close(folder)
    return found


def spawn(argv, env, cwd, columns, rows, mark, files):
    """(pid, master, slave). Raises OSError, the child's own, if the folder or the program cannot be used. `mark`: see
    `limit_mark`. `files`: its soft limit of open files.

    The slave is for the caller to hold while the process lives. A program may close it everywhere, as `exec bot >log 2>&1
    </dev/null` does. If nobody held it then, the master would report the end of the terminal, although the program lives
    and may open the terminal again (`/dev/tty`); and a master that is closed for that ends the program with SIGHUP.
    """
    size = window_size(columns, rows)
    opened = []
    try:
        master, slave = os.openpty()
        opened += [master, slave]
        errors, errors_in = os.pipe()  # closed by exec; carries the error of what fails before it
        opened += [errors, errors_in]
        fcntl.ioctl(slave, termios.TIOCSWINSZ, size)
        pid = os.fork()
    except OSError:
        for descriptor in opened:
            os.close(descriptor)
        raise
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
            if errors_in != 3:
                errors_in = os.dup2(errors_in, 3, inheritable=False)
            os.closerange(4, 1024)
            set_limit_mark(mark)
            set_files_limit(files)
            os.chdir(cwd)
            os.execvpe(argv[0], argv, env)
        except (OSError, MemoryError, TypeError, ValueError) as failure:  # ValueError: a NUL in an argument
            code = getattr(failure, "errno", None) or errno.EINVAL
            os.write(errors_in, b"%d %s" % (code, os.fsencode(getattr(failure, "filename", None) or argv[0])))
        finally:
            os._exit(127)
    os.close(errors_in)
    with open(errors, "rb") as file:
        problem = os.fsdecode(file.read())
    if problem:
        os.waitpid(pid, 0)
        os.close(master)
        os.close(slave)
        reason, _, name = problem.partition(" ")
        raise OSError(int(reason), os.strerror(int(reason)), name)
    os.set_blocking(master, False)
    return pid, master, slave


# What the system says of processes is bytes: Linux cuts their names at 15 bytes, be it inside a character.


def start_time(pid):
    """When a process started, as the system states it: distinguishes it from a later one with the same pid. None if there
    is none."""
    if os.path.isdir("/proc/self"):
        fields = stat_fields(pid)
        return fields[19].decode() if fields else None
    return printed("ps -o lstart= -p %d" % pid).decode("ascii", "replace").strip() or None


def process_tree(leader, run):
    """The pids of all processes that descend from `leader`, are in its session, or carry the marks of `run`: its id in their
    environment, or, where they have emptied that, its limit.

    The leader comes first. Killed in any order, it might see one of its children die, and put that down as a failure in the
    moment before it is killed itself.
    """
    mark, limit = b"KEEPER_RUN=" + run.encode(), limit_mark(run)
    rows = list(running_processes())
    found = (
        {leader} if leader > 0 else set()
    )  # also where the system does not list it, for lack of descriptors
    found.update(
        pid
        for pid, _, session in rows
        if (leader > 0 and session == leader) or mark in environment(pid) or resident_limit(pid) == limit
    )
    while True:
        more = {pid for pid, parent, _ in rows if parent in found} - found
        if not more:
            return sorted(found - {os.getpid()}, key=lambda pid: pid != leader)
        found |= more


# A program may leave its session and its parent, and empty its environment (`env -i`, or a title that is written over it).
# It keeps its limits. That of the resident memory has had no effect since Linux 2.4.30, so it can carry a number.


def limit_mark(run):
    """The number that marks the processes of a run: far more memory than there is."""
    return (1 << 61) + int.from_bytes(run.encode(), "big") % ((1 << 61) - 1)


def set_limit_mark(mark):
    """Marks this process, and so its children. None: removes the mark that it has inherited."""
    if not os.path.isdir("/proc/self"):
        return  # elsewhere it may be a limit that counts
    hard = resource.getrlimit(resource.RLIMIT_RSS)[1]
    try:
        resource.setrlimit(resource.RLIMIT_RSS, (hard if mark is None else mark, hard))
    except (OSError, ValueError):
        pass  # the machine's own limit is lower: its processes have the mark in their environment


def set_files_limit(soft):
    """Sets the soft limit of open files, as far as the hard one allows."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    except (OSError, ValueError):
        pass


def resident_limit(pid):
    """The soft limit of a process's resident memory (Linux); None if it has none or is not known."""
    try:
        with open("/proc/%d/limits" % pid, "rb") as file:
            value = file.read().partition(b"Max resident set")[2].split(None, 1)[0]
        return int(value)
    except (OSError, IndexError, ValueError):
        return None


def marked(folder):
    """The pids of all processes that were started in a terminal of a keeper of this folder, or descend from one that was."""
    mark = b"KEEPER_TERMINAL=" + os.fsencode(folder) + b"/"
    return [
        pid for pid, _, _ in running_processes() if any(entry.startswith(mark) for entry in environment(pid))
    ]


def running_processes(zombies=False):
    """(pid, parent, session) of every process; of those that have ended and wait for their parent only with `zombies`."""
    if os.path.isdir("/proc/self"):
        try:
            names = os.listdir("/proc")
        except OSError:
            return
        for name in names:
            fields = stat_fields(int(name)) if name.isdigit() else ()
            if fields and (zombies or fields[0] not in b"ZX"):
                yield int(name), int(fields[1]), int(fields[3])
        return
    for line in printed("ps -A -o pid=,ppid=,sess=,stat=").splitlines():
        pid, parent, session, state = line.split()[:4]
        if zombies or not state.startswith(b"Z"):
            yield int(pid), int(parent), int(session, 16)


FORKED = 0x40  # Linux: a process that has executed nothing since it was forked
PYTHON_HELPERS = (((1 << 1) | (1 << 14), 0), (1 << 1, 1 << 16))
"""Signals that Python's resource tracker and fork server ignore (SIGINT, SIGTERM), and the only one that they handle
(SIGCHLD), as masks of Linux. Both end by themselves a moment after their program."""


LATE_S = 2.0
"""A launcher ends within this time after it has begun what it was there to begin."""


def left_behind(leader):
    """How many processes of a session whose leader has just ended there are, and how many of those it has left running (Linux).

    A fork that has executed nothing is rather a part of the program than something that it has left running, unless it is
    one of the last: then it is what the program was there to begin.
    """
    pids = [pid for pid, _, session in running_processes(zombies=True) if session == leader]
    return len(pids), sum(map(was_left_running, pids))


def age_s(fields):
    """How long ago a process began, by its fields of /proc/PID/stat."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")


def was_left_running(pid):
    """Whether a process that another has left as it ended runs on, or that end has ended it with SIGHUP (Linux). What has ended
    in another way did so before, or noticed the end by itself, as Python's helpers do."""
    try:
        fields = stat_fields(pid)
        if int(fields[6]) & FORKED and age_s(fields) > LATE_S:
            return False
        if fields[0] in b"ZX" and int(fields[49]) & 127 != signal.SIGHUP:
            return False
        with open("/proc/%d/status" % pid, "rb") as file:
            masks = dict(line.split(b":", 1) for line in file.read().splitlines() if line.startswith(b"Sig"))
        ignored, handled = int(masks[b"SigIgn"], 16), int(masks[b"SigCgt"], 16)
    except (OSError, IndexError, KeyError, ValueError):
        return False
    return not any(ignored & each == each and handled == only for each, only in PYTHON_HELPERS)


def stat_fields(pid):
    """The fields of /proc/PID/stat after the name, which may contain anything; none if there is no such process."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return ()


def is_read(master, session):
    """Whether a thread of the session is blocked in reading its terminal. None where that cannot be known: the system does not
    say what a thread waits for, or a line editor has taken over the terminal, which waits in other ways."""
    number = READ_CALLS.get(os.uname().machine) if os.path.exists("/proc/self/syscall") else None
    hidden = number is None
    for pid, _, own in () if hidden else running_processes():
        if own != session:
            continue
        try:
            device = int(stat_fields(pid)[4])
            for thread in os.listdir("/proc/%d/task" % pid):
                with open("/proc/%d/task/%s/syscall" % (pid, thread), "rb") as file:
                    call = file.read().split()
                if call[0] == number:
                    file_read = os.stat("/proc/%d/fd/%d" % (pid, int(call[1], 16)))
                    if file_read.st_rdev == device:
                        return True
        except PermissionError:
            hidden = True
        except (OSError, IndexError, ValueError):  # it ends, or runs
            continue
    try:
        edits = not termios.tcgetattr(master)[3] & termios.ICANON
    except termios.error:  # whatever read it has closed it
        return False
    return None if hidden or edits else False


def environment(pid):
    """The environment that a process was started with, entry by entry (Linux); none for a process of somebody else."""
    try:
        with open("/proc/%d/environ" % pid, "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return ()


def printed(command):
    """What a command prints."""
    with os.popen(command) as output:
        return output.buffer.read()  # type: ignore[attr-defined]  # of the text stream inside


def become_subreaper():
    """Makes this process the parent of orphaned descendants, instead of init, so that none escapes (Linux)."""
    try:
        import ctypes

        # PR_SET_CHILD_SUBREAPER. It survives the exec below, which ctypes and its memory do not.
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        pass


def command_line(*arguments):
    """What runs this file: imported, not as a script, since its cached bytecode saves the time of compiling it, and 2 MiB."""
    code = "import sys; sys.path.insert(0, %r); import keeper; sys.exit(keeper.main(sys.argv[1:]))"
    code %= os.path.dirname(os.path.abspath(__file__))
    return [sys.executable, "-I", "-S", "-c", code, *arguments]


def detach(arguments):
    """Starts the keeper in a session of its own. Returns 0 once it listens."""
    ready, ready_in = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            become_subreaper()
            set_limit_mark(None)  # of a keeper in whose shell the server was started
            os.set_inheritable(ready_in, True)
            os.environ["MALLOC_MMAP_THRESHOLD_"] = "65536"  # glibc: returns memory after a flood
            os.execv(sys.executable, command_line("--serve", str(ready_in), *arguments))
        os._exit(0)
    os.close(ready_in)
    with open(ready, "rb") as file:
        said = file.read(4096)
    if said == b"+":
        return 0
    os.write(2, said)
    return 1


def main(arguments):
    if arguments[0] == "--detach":
        return detach(arguments[1:])
    ready = int(arguments[1])
    try:
        keeper = take_over(ready, *arguments[2:])
    except OSError as failure:
        # Its number too: that the disk is full is told in other words.
        os.write(ready, ("%d %s" % (failure.errno or 0, failure)).encode("utf-8", "backslashreplace"))
        return 1
    if keeper is None:
        return 0
    os.write(ready, b"+")
    os.close(ready)
    try:
        keeper.serve()
    finally:
        keeper.leave()
        if os.path.basename(os.path.dirname(keeper.path)).startswith(SOCKET_FOLDER_PREFIX):
            try:
                os.rmdir(os.path.dirname(keeper.path))
            except OSError:
                pass  # it holds sockets of other keepers
    os._exit(0)  # at once: a client that sees the end of its connection assumes that this process has ended


def take_over(ready, folder, path, segment_bytes, segments, idle_s, files=OWN_LIMIT):
    """The keeper of the folder, once it owns it and listens; None if another one listens already. Raises OSError."""
    os.umask(0o077)
    os.makedirs(folder, 0o700, exist_ok=True)
    null = os.open(os.devnull, os.O_RDWR)
    try:
        log_file = open_regular(os.path.join(folder, "keeper.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    except OSError:
        log_file = null  # what there is to say is said to nobody, and the bots run
    for target, source in ((0, null), (1, log_file), (2, log_file)):
        os.dup2(source, target)
    # One keeper per folder: it holds this lock until its process ends. The order of what follows matters.
    #
    # Whoever holds the lock owns the socket's path. So a starting keeper unlinks a former one's socket, and creates its
    # own, only with the lock; without it, it would unlink the socket of a keeper that listens, which would run on and
    # be found again only when it looks for its socket. And an ending keeper unlinks its socket while it still has the
    # lock, never after: the next keeper's socket could be there by then.
    #
    # Without the lock, a socket that accepts means that a keeper listens. Otherwise one is about to listen or to end.
    # (One that is about to end may still accept. Clients cope with that: they start a keeper again.)
    #
    # Whoever finds the lock held and no socket sends SIGHUP to the pid in it. The signal must be ignored before the pid is
    # there: it would kill a keeper that is about to listen. The handler comes with the keeper.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    lock = open_lock(os.path.join(folder, "keeper.lock"))
    for _ in range(100):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if listens(path):
                os.write(ready, b"+")
                return None
            time.sleep(0.05)
    else:
        raise OSError(errno.EBUSY, "another keeper holds the lock and does not answer", folder)
    write_pid(lock)
    if log_file != null:
        os.ftruncate(log_file, 0)  # not before: it may be the log of a keeper that runs
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    set_files_limit(hard)  # a terminal takes up to four descriptors, and so does each viewer one
    files = soft if int(files) == OWN_LIMIT else int(files)
    return Keeper(folder, lock, path, int(segment_bytes), int(segments), float(idle_s), files)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
