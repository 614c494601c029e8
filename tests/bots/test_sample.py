"""The sample bot, driven for real: in a terminal of its own, by keys and signals, over its ports."""

import ast
import contextlib
import hashlib
import json
import os
import pty
import re
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import termios
import threading
import urllib.request
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import psutil
import pytest

SAMPLE = Path(__file__).resolve().parents[2] / "bots" / "sample"
DEADLINE_S = 20
WORKER = {"MAIBOT_WORKER_PROCESS": "1"}
READY = "初始化完成"
LISTENING = r"已监听 127\.0\.0\.1:(\d+)"
WEBUI = r"http://127\.0\.0\.1:(\d+)"
STOPPED = "优雅关闭完成"


class Terminal:
    """A program in a PTY of 100 x 30, its controlling terminal unless `controlling` is false."""

    def __init__(
        self, arguments: list[str], folder: Path, environment: dict[str, str], controlling: bool
    ) -> None:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (30, 100))
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder,
            env=environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=not controlling,
            # Only the child itself can make a PTY its controlling terminal.
            preexec_fn=(lambda: os.login_tty(slave)) if controlling else None,  # noqa: PLW1509
        )
        os.close(slave)
        self.text = ""
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        output = b""
        with contextlib.suppress(OSError):  # EIO: nobody has the terminal any more
            while data := os.read(self._master, 65536):
                output += data
                with self._changed:
                    self.text = output.decode(errors="ignore")
                    self._changed.notify_all()

    def expect(self, pattern: str) -> str:
        """Waits for `pattern` in all that was printed; what it matched first, or rather the group in it."""
        with self._changed:
            assert self._changed.wait_for(lambda: re.search(pattern, self.text), DEADLINE_S), self.text
            found = re.search(pattern, self.text)
        assert found
        return found[found.lastindex or 0]

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def exit_code(self) -> int:
        """Waits for the end of the program and of all else in the terminal: `text` is then complete."""
        code = self.process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        assert not self._reader.is_alive(), "something still has the terminal open"
        return code

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        os.close(self._master)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the sample as it is shipped, with the ports chosen by the system."""
    copy = tmp_path / "bot"
    shutil.copytree(SAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / ".env").write_text("HOST=127.0.0.1\nPORT=0\nWEBUI_HOST=127.0.0.1\nWEBUI_PORT=0\n")
    return copy


@pytest.fixture
def configured(folder: Path) -> Path:
    (folder / "config").mkdir()
    for name in ("bot_config", "model_config"):
        shutil.copyfile(folder / "template" / f"{name}_template.toml", folder / "config" / f"{name}.toml")
    return folder


class Run(Protocol):
    def __call__(
        self,
        folder: Path,
        *flags: str,
        program: str = ...,
        environment: Mapping[str, str] = ...,
        controlling: bool = ...,
    ) -> Terminal: ...


@pytest.fixture
def run() -> Iterator[Run]:
    """Starts a program in a terminal, bot.py so that it is ready at once, unless it has no flags at all.

    What is left of it at the end of the test is killed.
    """
    with contextlib.ExitStack() as stack:

        def start(
            folder: Path,
            *flags: str,
            program: str = "bot.py",
            environment: Mapping[str, str] = MappingProxyType({}),
            controlling: bool = True,
        ) -> Terminal:
            quick = ("--slow-start", "0", "--chatter", "0", *flags) if flags else ()
            terminal = Terminal([program, *quick], folder, {**os.environ, **environment}, controlling)
            stack.callback(terminal.close)
            stack.callback(_kill_children, folder)
            return terminal

        yield start


def _kill_children(folder: Path) -> None:
    for pid in _children(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _children(folder: Path) -> list[int]:
    listed = folder / "data" / "children"
    return [int(line) for line in listed.read_text().split()] if listed.exists() else []


def _without_terminal(folder: Path, *flags: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Runs the worker to its end with a pipe for a keyboard."""
    return subprocess.run(
        [sys.executable, "bot.py", *flags],
        cwd=folder,
        env=os.environ | WORKER,
        input=typed,
        capture_output=True,
        encoding="utf-8",
        timeout=DEADLINE_S,
        check=False,
    )


def _get(port: str, path: str) -> tuple[str, str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=DEADLINE_S) as answer:
        return answer.headers.get_content_type(), answer.read().decode()


def _echo(port: str, text: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", int(port)), DEADLINE_S) as connection:
        connection.sendall(text + b"\n")
        return connection.makefile("rb").readline().rstrip(b"\n")


# Configuration


@pytest.mark.slow
def test_each_start_copies_one_missing_toml_file_and_exits_0(folder: Path) -> None:
    (folder / ".env").unlink()
    first = _without_terminal(folder)
    assert (first.returncode, _names(folder / "config")) == (0, ["bot_config.toml"])
    second = _without_terminal(folder)
    assert (second.returncode, _names(folder / "config")) == (
        0,
        ["bot_config.toml", "model_config.toml"],
    )
    assert (folder / ".env").read_bytes() == (folder / "template" / "template.env").read_bytes()


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_setup_writes_what_is_missing_and_nothing_else(folder: Path) -> None:
    (folder / "config").mkdir()
    (folder / "config" / "bot_config.toml").write_text("mine = true\n")
    assert _without_terminal(folder, "--setup").returncode == 0
    assert (folder / "config" / "bot_config.toml").read_text() == "mine = true\n"
    assert "PORT=0" in (folder / ".env").read_text()
    for name in ("model_config", "lpmm_config"):
        template = folder / "template" / f"{name}_template.toml"
        assert (folder / "config" / f"{name}.toml").read_bytes() == template.read_bytes()


@pytest.mark.parametrize(
    "content, line",
    [
        (b"[inner]\nversion = \"7.3.5\"\n\nbroken ===\n", 4),
        (b"[inner]\nversion = [", 2),
        (b"[inner]\nversion = \"7.3.5\"\nname = \"\xff\"\n", 3),
        (b"# none\n[inner]\nother = 1\n", 2),
        (b"inner = 5\n", 1),
        (b"", 0),
    ],
    ids=["syntax", "cut-short", "not-utf-8", "no-version", "no-table", "empty"],
)  # fmt: skip
def test_a_wrong_toml_file_is_named_with_its_line_and_exits_1(
    configured: Path, content: bytes, line: int
) -> None:
    (configured / "config" / "model_config.toml").write_bytes(content)
    ended = _without_terminal(configured, "--no-consent")
    assert ended.returncode == 1
    assert re.search(rf"config.model_config\.toml 第 {line} 行", ended.stderr)
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("port", ["none", "70000", "-1"])
def test_a_port_that_is_none_exits_1(configured: Path, port: str) -> None:
    (configured / ".env").write_text(f"PORT = '{port}' # wrong\n")
    ended = _without_terminal(configured, "--no-consent")
    assert ended.returncode == 1
    assert f"PORT={port} 不是端口号" in ended.stderr


def test_the_env_file_beats_the_environment(configured: Path, run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bot = run(configured, "--no-consent", environment=WORKER | {"PORT": str(taken.getsockname()[1])})
        assert _echo(bot.expect(LISTENING), "你好".encode()) == "你好".encode()


@pytest.mark.parametrize("way", ["no-port", "disabled"])
def test_the_webui_can_be_left_out(configured: Path, run: Run, way: str) -> None:
    if way == "no-port":
        (configured / ".env").write_text("PORT=0\n")
    else:
        config = configured / "config" / "bot_config.toml"
        config.write_text(config.read_text().replace("enabled = true", "enabled = false"))
    bot = run(configured, "--no-consent", environment=WORKER)
    bot.expect(LISTENING)
    bot.type("你好\n")
    bot.expect("麦麦: ")
    assert "http://" not in bot.text


# Consent


@pytest.mark.slow
def test_consent_is_asked_for_until_given_and_then_remembered(configured: Path, run: Run) -> None:
    (configured / "EULA.md").write_bytes((configured / "EULA.md").read_bytes().replace(b"\n", b"\r\n"))
    bot = run(configured, "--exit", "0", environment=WORKER)
    bot.expect("EULA.md 和 PRIVACY.md")
    bot.type("也许\n")
    bot.expect("没有识别“也许”")
    bot.type("同意\n")
    assert bot.exit_code() == 0
    for record, text in (("eula", "EULA"), ("privacy", "PRIVACY")):
        digest = hashlib.md5((SAMPLE / f"{text}.md").read_bytes(), usedforsecurity=False).hexdigest()
        assert (configured / f"{record}.confirmed").read_bytes() == digest.encode()
    again = run(configured, "--exit", "0", environment=WORKER)
    assert again.exit_code() == 0
    assert "同意" not in again.text


def test_end_of_input_instead_of_consent_exits_1(configured: Path) -> None:
    ended = _without_terminal(configured)
    assert ended.returncode == 1
    assert not (configured / "eula.confirmed").exists()


@pytest.mark.slow
def test_only_the_digests_of_the_texts_are_consent_by_environment(configured: Path, run: Run) -> None:
    digests = {
        f"{name}_AGREE": hashlib.md5(
            (configured / f"{name}.md").read_bytes(), usedforsecurity=False
        ).hexdigest()
        for name in ("EULA", "PRIVACY")
    }
    assert run(configured, "--exit", "0", environment=WORKER | digests).exit_code() == 0
    assert not (configured / "eula.confirmed").exists()
    refused = run(configured, environment=WORKER | digests | {"EULA_AGREE": "true"})
    refused.expect("请先阅读 EULA.md。")


# Ready


def test_a_ready_bot_says_so_then_listens_and_its_webui_is_healthy(configured: Path, run: Run) -> None:
    bot = run(configured, "--no-consent", environment=WORKER)
    messages, webui = bot.expect(LISTENING), bot.expect(WEBUI)
    assert bot.text.index(READY) < bot.text.index("已监听")
    assert _echo(messages, b"hello") == b"hello"
    assert _get(webui, "/api/webui/health") == ("application/json", '{"status": "healthy"}')
    assert _get(webui, "/api/webui/unknown")[0] == "text/html"


@pytest.mark.parametrize("name", ["PORT", "WEBUI_PORT"])
def test_a_port_that_is_taken_is_named_and_exits_1(configured: Path, run: Run, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (configured / ".env").write_text(f"PORT=0\nWEBUI_PORT=0\n{name}={port}\n")
        bot = run(configured, "--no-consent", environment=WORKER)
        assert bot.exit_code() == 1
    assert f"端口 {port} 已被占用" in bot.text
    assert "Traceback" not in bot.text


def test_log_lines_are_coloured_on_the_terminal_and_json_in_a_file(configured: Path, run: Run) -> None:
    bot = run(configured, "--no-consent", "--exit", "0", environment=WORKER)
    assert bot.exit_code() == 0
    assert "[\x1b[32mINFO   \x1b[0m] [\x1b[36m主程序\x1b[0m] " in bot.text
    (file,) = (configured / "logs").iterdir()
    assert re.fullmatch(r"app_\d{8}_\d{6}\.log\.jsonl", file.name)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert {frozenset(line) for line in lines} == {
        frozenset({"timestamp", "level", "event", "logger_name", "lineno", "module"})
    }
    assert any(READY in line["event"] and line["level"] == "info" for line in lines)


# Database


@pytest.mark.slow
def test_the_first_start_fills_a_database_of_the_shape_of_0_12(configured: Path, run: Run) -> None:
    for _ in range(2):
        assert run(configured, "--no-consent", "--exit", "0", environment=WORKER).exit_code() == 0
    with contextlib.closing(sqlite3.connect(configured / "data" / "MaiBot.db")) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        columns = {
            table: " ".join(row[1] for row in database.execute(f"PRAGMA table_info({table})"))
            for table in ("emoji", "person_info")
        }
        emojis = database.execute("SELECT full_path, format, emoji_hash, is_registered FROM emoji").fetchall()
        persons = database.execute("SELECT person_id, platform, user_id FROM person_info").fetchall()
    assert columns == {
        "emoji": "id full_path format emoji_hash description query_count is_registered is_banned emotion"
        " record_time register_time usage_count last_used_time",
        "person_info": "id is_known person_id person_name name_reason platform user_id nickname"
        " group_nick_name memory_points know_times know_since last_know",
    }
    assert len(emojis) == len(persons) == 3
    for path, kind, digest, registered in emojis:
        assert (kind, registered) == ("png", 1)
        assert Path(path).parent == Path("data/emoji_registed")
        picture = (configured / path).read_bytes()
        assert hashlib.md5(picture, usedforsecurity=False).hexdigest() == digest
        assert _png_size(picture) == (48, 48)
    for person_id, platform, user_id in persons:
        name = f"{platform}_{user_id}".encode()
        assert person_id == hashlib.md5(name, usedforsecurity=False).hexdigest()


def _png_size(picture: bytes) -> tuple[int, int]:
    """Width and height of an RGBA picture whose checksums and amount of pixels were found right."""
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, rest = {}, picture[8:]
    while rest:
        (length,) = struct.unpack(">I", rest[:4])
        kind, data, checksum = rest[4:8], rest[8 : 8 + length], rest[8 + length : 12 + length]
        assert struct.unpack(">I", checksum) == (zlib.crc32(kind + data),)
        chunks[kind], rest = data, rest[12 + length :]
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    assert len(zlib.decompress(chunks[b"IDAT"])) == height * (1 + 4 * width)
    return width, height


# Typing


def test_typed_lines_are_answered_and_commands_obeyed(configured: Path, run: Run) -> None:
    bot = run(configured, "--no-consent", environment=WORKER)
    bot.expect(LISTENING)
    bot.type("你好\n")
    bot.expect("麦麦: 收到「你好」")
    bot.type("在吗\n")
    bot.expect("麦麦: 「在吗」？")
    bot.type("/size\n")
    bot.expect("麦麦: 100 x 30")
    bot.type("/help\n")
    bot.expect("/restart ")
    bot.type("/exit soon\n")
    bot.expect("而不是“soon”")
    bot.type("/flood 2500\n")
    bot.expect("".join(f"{number}\r\n" for number in range(1, 2501)))
    bot.type("/exit 7\n")
    assert bot.exit_code() == 7


def test_a_pipe_is_a_keyboard_too(configured: Path) -> None:
    ended = _without_terminal(configured, "--no-consent", "--slow-start", "0", typed="你好\n/size\n/exit 3")
    assert ended.returncode == 3
    assert "收到「你好」" in ended.stdout
    assert "这里不是终端" in ended.stdout


def test_crash_command_ends_in_a_traceback_and_1(configured: Path, run: Run) -> None:
    bot = run(configured, "--no-consent", environment=WORKER)
    bot.expect(LISTENING)
    bot.type("/crash\n")
    assert bot.exit_code() == 1
    assert "Traceback" in bot.text


# Ending


@pytest.mark.slow
def test_sigint_stops_the_worker_gracefully_even_with_clients(configured: Path, run: Run) -> None:
    strict = WORKER | {"PYTHONWARNINGS": "error"}
    bot = run(configured, "--no-consent", "--slow-stop", "0.05", environment=strict)
    with socket.create_connection(("127.0.0.1", int(bot.expect(LISTENING))), DEADLINE_S) as client:
        client.sendall(b"hello\n")
        assert client.recv(100) == b"hello\n"
        bot.type("\x03")
        assert bot.exit_code() == 0
    assert STOPPED in bot.text
    assert not re.search("ERROR|Warning", bot.text)


@pytest.mark.slow
def test_a_second_sigint_changes_nothing(configured: Path, run: Run) -> None:
    bot = run(configured, "--no-consent", "--slow-stop", "0.2", environment=WORKER)
    bot.expect(LISTENING)
    bot.type("\x03")
    bot.expect("收到中断信号")
    bot.type("\x03")
    assert bot.exit_code() == 0
    assert STOPPED in bot.text


@pytest.mark.slow
def test_sigint_reaches_a_worker_that_is_still_starting(configured: Path, run: Run) -> None:
    bot = run(configured, "--no-consent", "--slow-start", "600", "--slow-stop", "0", environment=WORKER)
    bot.expect("加载记忆   0%")
    bot.type("\x03")
    assert bot.exit_code() == 0
    assert READY not in bot.text
    assert STOPPED in bot.text


def test_sigterm_kills_the_worker(configured: Path, run: Run) -> None:
    bot = run(configured, "--no-consent", environment=WORKER)
    bot.expect(LISTENING)
    bot.process.terminate()
    assert bot.exit_code() == -signal.SIGTERM
    assert STOPPED not in bot.text


# The runner


def _worker_of(bot: Terminal) -> psutil.Process:
    (worker,) = psutil.Process(bot.process.pid).children()
    return worker


@pytest.mark.slow
def test_the_runner_restarts_the_worker_on_42_and_passes_other_codes_through(
    configured: Path, run: Run
) -> None:
    bot = run(configured, "--no-consent")
    bot.expect(LISTENING)
    first = _worker_of(bot)
    assert os.getpgid(first.pid) == bot.process.pid
    bot.type("/restart\n")
    bot.expect(f"退出码 42.*(?s:.*){LISTENING}")
    assert _worker_of(bot).pid != first.pid
    bot.type("/exit 5\n")
    assert bot.exit_code() == 5


@pytest.mark.slow
def test_ctrl_c_under_the_runner_exits_0_but_cuts_the_stop_short(configured: Path, run: Run) -> None:
    bot = run(configured, "--no-consent", "--slow-stop", "600")
    bot.expect(LISTENING)
    worker = _worker_of(bot)
    bot.type("\x03")
    assert bot.exit_code() == 0
    assert not worker.is_running()
    assert STOPPED not in bot.text


@pytest.mark.slow
def test_sigint_to_the_worker_alone_stops_it_gracefully(configured: Path, run: Run) -> None:
    bot = run(configured, "--no-consent", "--slow-stop", "0")
    bot.expect(LISTENING)
    _worker_of(bot).send_signal(signal.SIGINT)
    assert bot.exit_code() == 0
    assert STOPPED in bot.text


@pytest.mark.slow
def test_sigterm_to_the_runner_alone_leaves_the_worker_with_its_port(configured: Path, run: Run) -> None:
    # Without a controlling terminal, that is: see the next test.
    bot = run(configured, "--no-consent", controlling=False)
    port = bot.expect(LISTENING)
    worker = _worker_of(bot)
    bot.process.terminate()
    assert bot.process.wait(DEADLINE_S) == -signal.SIGTERM
    assert worker.is_running()
    assert _echo(port, b"still here") == b"still here"


@pytest.mark.slow
def test_sigterm_to_the_runner_of_a_terminal_hangs_up_on_the_worker(configured: Path, run: Run) -> None:
    bot = run(configured, "--no-consent")
    bot.expect(LISTENING)
    bot.process.terminate()
    assert bot.exit_code() == -signal.SIGTERM  # and the worker has let go of the terminal
    assert STOPPED not in bot.text


# Misbehaving


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["runner", "worker"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_can_be_ignored(configured: Path, run: Run, number: signal.Signals, mode: str) -> None:
    flag = f"--ignore-{number.name.lower()}"
    bot = run(configured, "--no-consent", flag, environment=WORKER if mode == "worker" else {})
    bot.expect(LISTENING)
    os.killpg(bot.process.pid, number)
    bot.type("你好\n")
    bot.expect("收到「你好」")
    bot.type("/exit 0\n")
    assert bot.exit_code() == 0


@pytest.mark.slow
def test_a_runner_whose_worker_ignores_sigterm_ends_it_all_the_same(configured: Path, run: Run) -> None:
    bot = run(configured, "--no-consent", "--ignore-sigterm", "--slow-stop", "0")
    bot.expect(LISTENING)
    bot.type("\x03")
    assert bot.exit_code() == 0


@pytest.mark.slow
def test_crash_at_start_comes_before_everything(folder: Path, run: Run) -> None:
    bot = run(folder, "--crash-at-start")
    assert bot.exit_code() == 1
    assert "RuntimeError" in bot.text
    assert not (folder / "config").exists()


def test_crash_after_comes_when_the_bot_is_ready(configured: Path, run: Run) -> None:
    bot = run(configured, "--no-consent", "--crash-after", "0", environment=WORKER)
    assert bot.exit_code() == 1
    assert bot.text.index("已监听") < bot.text.index("RuntimeError")


@pytest.mark.parametrize("code", [0, 1, 42])
def test_exit_code_is_as_asked(configured: Path, run: Run, code: int) -> None:
    bot = run(configured, "--no-consent", "--exit", str(code), environment=WORKER)
    assert bot.exit_code() == code
    assert READY in bot.text


@pytest.mark.slow
@pytest.mark.parametrize("rate", ["0", "100000"])
def test_count_prints_every_number_in_order(configured: Path, run: Run, rate: str) -> None:
    bot = run(configured, "--no-consent", "--quiet", "--count", rate, environment=WORKER)
    bot.expect("5000\r\n")
    bot.process.kill()
    bot.exit_code()
    printed = bot.text.split("\r\n")[:-1]
    assert printed == [str(number) for number in range(1, len(printed) + 1)]


@pytest.mark.slow
def test_flood_prints_coloured_lines_and_ctrl_c_ends_it(configured: Path, run: Run) -> None:
    bot = run(configured, "--no-consent", "--flood", "0", "--slow-stop", "0", environment=WORKER)
    bot.expect(r"第 3000 行~+\r\n")
    bot.type("\x03")
    assert bot.exit_code() == 0
    assert not any("行~" in file.read_text() for file in (configured / "logs").iterdir())


@pytest.mark.slow
def test_children_stay_in_the_group_and_outlive_a_bot_that_is_killed_alone(
    configured: Path, run: Run
) -> None:
    # In a controlling terminal the kernel would hang up on them too.
    bot = run(configured, "--no-consent", "--fork", "2", environment=WORKER, controlling=False)
    bot.expect(LISTENING)
    children = _children(configured)
    assert [os.getpgid(child) for child in children] == [bot.process.pid] * 2
    bot.process.kill()
    bot.process.wait(DEADLINE_S)
    assert all(_lives(child) for child in children)
    os.killpg(bot.process.pid, signal.SIGTERM)
    bot.exit_code()


@pytest.mark.slow
def test_escaped_children_have_left_the_session_and_ignore_polite_signals(configured: Path, run: Run) -> None:
    bot = run(
        configured, "--no-consent", "--fork", "2", "--fork-escape", "--slow-stop", "0", environment=WORKER
    )
    bot.expect(LISTENING)
    children = _children(configured)
    assert len(children) == 2
    for child in map(psutil.Process, children):
        assert os.getsid(child.pid) not in (bot.process.pid, os.getsid(0))
        assert child.ppid() != bot.process.pid
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            child.send_signal(number)
    os.killpg(bot.process.pid, signal.SIGKILL)
    bot.process.wait(DEADLINE_S)
    assert all(_lives(child) for child in children)


def _lives(pid: int) -> bool:
    return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_chatter_shows_signs_of_life(configured: Path, run: Run) -> None:
    bot = run(configured, "--no-consent", "--chatter", "0.01", environment=WORKER)
    bot.expect(r"([^\n]*INFO[^\n]*(聊天|表情包|memory|person)[^\n]*\n){3}")


def test_a_quiet_bot_prints_answers_only(configured: Path, run: Run) -> None:
    bot = run(configured, "--no-consent", "--quiet", "--chatter", "0.01", environment=WORKER)
    bot.type("你好\n")
    bot.expect("收到「你好」\r\n")  # the whole line, or the echo of the next one lands inside it
    bot.type("/exit 0\n")
    assert bot.exit_code() == 0
    assert sorted(bot.text.split()) == sorted(["你好", "麦麦:", "收到「你好」", "/exit", "0"])


@pytest.mark.slow
def test_a_file_of_arguments_is_read_when_there_are_none(configured: Path, run: Run) -> None:
    (configured / "sample.args").write_text("--no-consent --slow-start 0 --exit 9  # soon\n")
    assert run(configured).exit_code() == 9
    assert run(configured, "--no-consent", "--exit", "8").exit_code() == 8


def test_an_unknown_switch_exits_2(folder: Path) -> None:
    ended = _without_terminal(folder, "--slow-start", "inf")
    assert ended.returncode == 2
    assert "finite" in ended.stderr


# Services


def _configure_adapter(folder: Path, **ports: int) -> None:
    config = folder / "nonebot-ada" / "config.toml"
    text = config.read_text()
    for was, now in (("8095", ports["napcat"]), ("8000", ports["maibot"])):
        text = text.replace(f"port = {was}", f"port = {now}")
    config.write_text(text)


def _configure_napcat(folder: Path, port: int) -> None:
    (folder / "napcat" / "config" / "webui.json").write_text(json.dumps({"host": "127.0.0.1", "port": port}))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_napcat_shows_a_code_and_its_webui_until_a_signal_ends_it_with_0(
    folder: Path, run: Run, number: signal.Signals
) -> None:
    _configure_napcat(folder, 0)
    napcat = run(folder / "napcat", program="main.py")
    napcat.expect("sample://login/")
    assert {len(line) for line in re.findall("[ █▀▄]{20,}", napcat.text)} == {35}
    assert _get(napcat.expect(WEBUI), "/")[0] == "text/html"
    napcat.process.send_signal(number)
    assert napcat.exit_code() == 0


def test_napcat_takes_another_port_when_its_own_is_taken(folder: Path, run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        _configure_napcat(folder, port)
        assert int(run(folder / "napcat", program="main.py").expect(WEBUI)) > port


@pytest.mark.slow
def test_the_adapter_tries_until_the_bot_answers_and_again_when_it_is_gone(folder: Path, run: Run) -> None:
    with socket.socket() as bot:
        bot.bind(("127.0.0.1", 0))  # taken, but refusing until it listens
        bot.settimeout(DEADLINE_S)
        _configure_adapter(folder, napcat=0, maibot=bot.getsockname()[1])
        adapter = run(folder / "nonebot-ada", program="main.py")
        napcat = adapter.expect(r"启动成功.*:(\d+)")
        adapter.expect("连接不到麦麦")
        bot.listen()
        connection, _ = bot.accept()
        with connection:
            assert json.loads(connection.makefile("rb").readline()) == {"platform": "qq"}
    adapter.expect("已断开")
    assert _echo(napcat, b"hello") == b"hello"
    adapter.type("\x03")
    assert adapter.exit_code() == 0


def test_an_adapter_whose_port_is_taken_runs_on_and_sigterm_kills_it(folder: Path, run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as bot:
        _configure_adapter(folder, napcat=taken.getsockname()[1], maibot=bot.getsockname()[1])
        adapter = run(folder / "nonebot-ada", program="main.py")
        adapter.expect(r"已被占用(?s:.*)已连接到麦麦")
        adapter.process.terminate()
        assert adapter.exit_code() == -signal.SIGTERM


# The files


def test_the_sample_is_python_3_9_and_needs_the_standard_library_alone() -> None:
    known = sys.stdlib_module_names | {"src"}
    for path in SAMPLE.rglob("*.py"):
        tree = ast.parse(path.read_text(), str(path), feature_version=(3, 9))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                assert {alias.name.partition(".")[0] for alias in node.names} <= known
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                assert str(node.module).partition(".")[0] in known
