"""Only known causes are recognised in the last lines of a bot that has ended."""

import time
from pathlib import Path

import pytest

from bots import diagnosis
from bots.diagnosis import MemoryWatch
from mailauncher.errors import Text
from tests.support.growth import require_linear

KNOWN = {
    "OSError: [Errno 98] error while attempting to bind on address ('127.0.0.1', 8000): address already in use": "port",
    "ERROR 端口 8001 已被占用，请检查配置": "port",
    "Port 8000 is already in use": "port",
    "EOFError: 请阅读用户协议（EULA）并输入同意": "licence",
    "tomllib.TOMLDecodeError: Invalid value (at line 12, column 5)": "line 12",
    "配置文件第 7 行有错误: TOMLDecodeError line 7": "line 7",
    "ModuleNotFoundError: No module named 'maim_message'": "maim_message",
    "OSError: [Errno 28] No space left on device": "disk",
    "MemoryError": "memory",
    "PermissionError: [Errno 13] Permission denied: '/srv/bot/data'": "/srv/bot/data",
    "peewee.OperationalError: database is locked": "another process",
}


@pytest.mark.parametrize("line,meaning", KNOWN.items())
def test_a_known_cause_is_explained(line: str, meaning: str) -> None:
    found = diagnosis.cause(["starting", line, "bye"])
    assert found is not None
    assert meaning.lower() in found.en.lower()


@pytest.mark.parametrize("line", ["", "hello", "portable", "第 3 次尝试", "RuntimeError: line 3 of the poem"])
def test_unknown_lines_have_no_cause(line: str) -> None:
    assert diagnosis.cause([line]) is None


def test_the_newest_cause_counts() -> None:
    found = diagnosis.cause(["MemoryError", "ModuleNotFoundError: No module named 'x'"])
    assert found is not None
    assert "module x" in found.en


def test_a_missing_module_of_the_program_itself_is_no_requirement(tmp_path: Path) -> None:
    """With a file of MaiBot deleted, "the Python module src.worker is missing: install the requirements" led nowhere."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "tools.py").touch()

    def told(module: str) -> str:
        found = diagnosis.cause(
            [f"ModuleNotFoundError: No module named '{module}'"],
            is_own=lambda module: diagnosis.is_own_module(
                module, tmp_path, ["bot.py", "src/config/config.py"]
            ),
        )
        assert found is not None
        return found.en

    for own in ("src", "src.worker", "plugins.greeting", "tools.x", "bot"):
        assert told(own).startswith(
            f"The program's own module {own} is missing or incomplete: put its files back"
        )
    for foreign in ("maim_message", "google.genai", "srcs", ".x", "_"):
        assert told(foreign).startswith(f"The Python module {foreign} is missing: install the requirements")


def test_the_owner_of_a_port_in_use_is_named() -> None:
    found = diagnosis.cause(["address already in use"], Text(" nginx（pid 17）", "nginx (pid 17)"))
    assert found is not None
    assert found.en.startswith("A port is in use by nginx (pid 17): ")


def test_a_kill_for_lack_of_memory_is_reported_once(tmp_path: Path) -> None:
    counters = tmp_path / "vmstat"
    counters.write_text("pgmajfault 4\noom_kill 3\n")
    watch = MemoryWatch(counters)
    assert watch.cause() is None
    counters.write_text("pgmajfault 9\noom_kill 4\n")
    told = watch.cause()
    assert told is not None
    assert "memory" in told.en
    assert "内存" in told.zh
    assert watch.cause() is None


def test_without_a_counter_no_kill_is_reported(tmp_path: Path) -> None:
    assert MemoryWatch(tmp_path / "nothing").cause() is None


def test_this_system_counts_kills_for_lack_of_memory() -> None:
    assert any(line.startswith("oom_kill ") for line in Path("/proc/vmstat").read_text("ascii").splitlines())


@pytest.mark.parametrize(
    "piece",
    [
        "TOMLKitError",
        "TOMLDecodeError ",
        "Expected ",
        "Expected  at ",
        "端口",
        "PermissionError: ",
        "line ",
        "第",
        "toml.a",
        "port 1",
    ],
)
def test_a_line_of_half_a_cause_takes_linear_time(piece: str) -> None:
    """8 KB of them kept the server busy for minutes: each beginning was followed to the end of the line, and from there back."""

    def cost(times: int) -> float:
        line = piece * (100 * times)
        before = time.process_time()
        for _ in range(20):
            assert diagnosis.cause([line]) is None
        return time.process_time() - before

    require_linear(cost)
