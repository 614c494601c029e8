"""Configuration of what was installed: what an upgrade carries over, consent, files seeded and ports written into them."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from types import ModuleType

from mailauncher.bots import consent
from mailauncher.bots.deploying import components
from mailauncher.bots.deploying.carrying import carry_over
from mailauncher.bots.deploying.plan import Component
from mailauncher.bots.deploying.staging import inside
from mailauncher.bots.deploying.work import Work
from mailauncher.bots.documents import env, file, json, toml
from mailauncher.bots.launching import fill
from mailauncher.bots.recipe import ConfigFile, Found, Value
from mailauncher.errors import DeploymentFailed, InsufficientSpace, LauncherError, Text

SEARCHED_BYTES = 4 << 20


def configure(work: Work) -> None:
    """Everything that is done when the old tree, if there is one, does not change any more. May be done again.

    Raises LauncherError: a file would be written outside the tree, a user's file cannot be read.
    """
    tree = work.staging.tree
    for component in filter(lambda component: components.stays(work, component), work.plan.components):
        components.copy_again(work, component, lambda done: None)
    if work.plan.kind == "upgrade":
        carry_over(work)
    consent.accept(tree, work.plan.consent)
    for component in work.plan.components:
        place = work.staging.place(component)
        for wanted in component.config:
            work.interrupt.check()
            try:
                write(place, wanted, work.plan.ports, work)
            except LauncherError as error:
                raise _named(component, wanted, error) from error


def write(folder: Path, wanted: ConfigFile, ports: Mapping[str, int], work: Work) -> None:
    """Seeds one file, if it is missing, and sets its values. Raises LauncherError."""
    language = _language(wanted.path)
    loaded = file.read(folder, wanted.path)
    text = loaded.text
    if not loaded.exists:
        seed = _seed(folder, wanted, ports)
        if seed is None:
            if wanted.template or wanted.set:
                work.report.note(
                    Text(
                        f"此版本没有 {wanted.template or wanted.path}，{wanted.path} 留给程序自己创建",
                        f"This version has no {wanted.template or wanted.path}; {wanted.path} is left to the program",
                    )
                )
            return
        text = seed
        for path, found in wanted.found.items():
            text = language.set_value(text, steps(path), _searched(folder, found))
    for path, value in wanted.set.items():
        text = language.set_value(text, steps(path), filled(value, ports, typed=language is not env))
    if text != loaded.text or not loaded.exists:
        file.write(folder, wanted.path, text, like=loaded if loaded.exists else None)


def steps(path: str) -> list[str | int]:
    """A dotted path as documents take it: numbers are places in a list."""
    return [int(step) if step.isdecimal() else step for step in path.split(".")]


def filled(value: Value, ports: Mapping[str, int], *, typed: bool) -> Value:
    """A recipe's value with ports for placeholders. `typed`: a text that is nothing but one becomes a number; without it
    everything is text."""
    if isinstance(value, list):
        texts = [fill(text, ports) for text in value]
        return texts if typed else ",".join(texts)
    if not isinstance(value, str):
        return value if typed else str(value).lower() if isinstance(value, bool) else str(value)
    if typed and value[:1] == "{" and (port := ports.get(value[1:-1])) is not None and value[-1:] == "}":
        return port
    return fill(value, ports)


def _seed(folder: Path, wanted: ConfigFile, ports: Mapping[str, int]) -> str | None:
    """What a missing file begins with; None: it is not made."""
    if wanted.template:
        template = file.read(folder, wanted.template)
        if template.exists:
            return template.text
    return fill(wanted.content, ports) if wanted.content else None


def _searched(folder: Path, found: Found) -> str:
    path = inside(folder, found.file)
    try:
        with path.open("rb") as opened:
            text = opened.read(SEARCHED_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise DeploymentFailed(
            f"无法读取 {found.file}：{error.strerror}", f"{found.file} cannot be read: {error.strerror}"
        ) from None
    match = re.search(found.pattern, text, re.MULTILINE)
    if match is None or match[1] is None:
        raise DeploymentFailed(
            f"{found.file} 中找不到 {found.pattern}", f"Nothing in {found.file} fits {found.pattern}"
        )
    return match[1]


def _language(path: str) -> ModuleType:
    name = PurePosixPath(path).name
    if name.endswith(".toml"):
        return toml
    if name.endswith(".json"):
        return json
    if name == ".env" or name.startswith(".env.") or name.endswith(".env"):
        return env
    raise DeploymentFailed(
        f"配方中的 {path} 不是 TOML、JSON 或 .env", f"{path} of the recipe is no TOML, JSON or .env"
    )


def _named(component: Component, wanted: ConfigFile, error: LauncherError) -> LauncherError:
    kind = InsufficientSpace if isinstance(error, InsufficientSpace) else DeploymentFailed
    return kind(
        f"{component.name} 的 {wanted.path}：{error.text.zh}",
        f"{wanted.path} of {component.name}: {error.text.en}",
    )
