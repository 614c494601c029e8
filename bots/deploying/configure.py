"""The configure step: carry-over of an upgrade, consent, and configuration files with the planned ports."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

import msgspec

from bots.deploying import components, copying
from bots.deploying.carry_over import carry_over
from bots.deploying.plan import Component
from bots.deploying.services import optional
from bots.deploying.staging import inside, remove
from bots.deploying.worker_context import WorkerContext
from bots.documents import env, file, json, toml
from bots.documents.values import value_at
from bots.launching import fill, login_files
from bots.recipe import ConfigFileSpec, Value, ValueFromFile
from bots.terms import accepted
from mailauncher import expressions
from mailauncher.beneath import Root
from mailauncher.errors import DeploymentFailed, InsufficientSpace, LauncherError, Text

SEARCH_LIMIT_BYTES = 4 << 20


def configure(work: WorkerContext) -> None:
    """Runs when the old tree, if there is one, no longer changes. Can be repeated.

    Raises LauncherError: a file would be written outside the tree, or a user's file cannot be read.
    """
    tree = work.staging.tree
    for component in filter(
        lambda component: components.is_carried_over(work, component), work.plan.components
    ):
        components.update_copy(work, component, lambda done: None)
    if work.plan.kind == "upgrade":
        carry_over(work)
    accepted.accept(tree, work.plan.consent)
    for component in work.components:
        with optional(work, component):
            _configure(work, component)


def _configure(work: WorkerContext, component: Component) -> None:
    place = work.staging.path_of(component)
    if work.plan.kind == "clone" and component.login:
        # They have the ports of the original, whose account would be logged out by the copy's login.
        inside(place, component.login.files)
        for login in login_files(component.login, place):
            remove(login)
    for spec in component.config:
        work.interrupt.check()
        try:
            write(place, spec, work.plan.ports, work, component.former.get(spec.name, ""))
            for path in _further(place, spec):
                write(place, msgspec.structs.replace(spec, path=path), work.plan.ports, work)
        except LauncherError as error:
            raise _for_file(component, spec, error) from error


def write(
    folder: Path, spec: ConfigFileSpec, ports: Mapping[str, int], work: WorkerContext, former: str = ""
) -> None:
    """Creates one configuration file if it is missing, and sets its values. `former` is the file in the old tree from which a
    new one takes the user's values. Raises LauncherError."""
    language = _language(spec.path)
    loaded = file.read(folder, spec.path)
    text = loaded.text
    if not loaded.exists:
        seed = _seed(folder, spec, ports)
        if seed is None:
            if spec.template or spec.set:
                work.report.note(
                    Text(
                        f"此版本没有 {spec.template or spec.path}，{spec.path} 留给程序自己创建",
                        f"This version has no {spec.template or spec.path}; the program creates {spec.path} itself",
                    )
                )
            return
        text = seed
        for path, found in spec.found.items():
            text = language.set_value(text, path_of(path), _value_from_file(folder, found))
        for path, value in _carried(work, spec, former) if former else ():
            text = language.set_value(text, path_of(path), value)
    elif spec.content:
        text = _with_missing_parts(language, text, spec, ports)
    for path, value in spec.set.items():
        text = language.set_value(text, path_of(path), with_ports(value, ports, typed=language is not env))
    if text != loaded.text or not loaded.exists:
        file.write(folder, spec.path, text, like=loaded if loaded.exists else None)


def _further(folder: Path, spec: ConfigFileSpec) -> list[str]:
    if not spec.also:
        return []
    with Root(folder) as root:
        return [path for path in copying.matching(root, [spec.also]) if path != spec.path]


def _with_missing_parts(
    language: ModuleType, text: str, spec: ConfigFileSpec, ports: Mapping[str, int]
) -> str:
    """An existing file with the parts of the initial content in which values are about to be set, where it lacks them: a
    server of which only the port were set would not be enabled."""
    initial = language.read(fill(spec.content, ports))
    for path in spec.set:
        *part, _ = path_of(path)
        with suppress(LookupError):
            value = value_at(initial, part)
            try:
                value_at(language.read(text), part)
            except LookupError:
                text = language.set_value(text, part, value)
    return text


def _carried(work: WorkerContext, spec: ConfigFileSpec, former: str) -> Iterator[tuple[str, Any]]:
    """The values that the user set in the file of the former version, by their new paths. One that is not there is left out;
    a file that cannot be read is reported, for the user to enter its values again."""
    try:
        values = _language(former).read(file.read(Path(work.plan.folder), former).text)
    except LauncherError as error:
        work.report.note(
            Text(
                f"{former} 无法读取，其中的设置没有带到 {spec.path}，请重新填写：{error.text.zh}",
                f"{former} cannot be read, so its settings are not in {spec.path}: enter them again ({error.text.en})",
            )
        )
        return
    for path, place in spec.carry.items():
        with suppress(LookupError):
            value = value_at(values, path_of(place.path or path))
            yield path, _as_text(value) if place.text else value


def _as_text(value: Any) -> Any:
    return [_as_text(item) for item in value] if isinstance(value, list) else str(value)


def path_of(path: str) -> list[str | int]:
    """A dotted path in the form of `bots.documents`: numbers are indices of lists."""
    return [int(step) if step.isdecimal() else step for step in path.split(".")]


def with_ports(value: Value, ports: Mapping[str, int], *, typed: bool) -> Value:
    """A recipe's value with ports in place of placeholders. `typed`: a text that is a single placeholder becomes a number;
    otherwise every value becomes text."""
    if isinstance(value, list):
        texts = [fill(text, ports) for text in value]
        return texts if typed else ",".join(texts)
    if not isinstance(value, str):
        return value if typed else str(value).lower() if isinstance(value, bool) else str(value)
    if typed and value[:1] == "{" and (port := ports.get(value[1:-1])) is not None and value[-1:] == "}":
        return port
    return fill(value, ports)


def _seed(folder: Path, spec: ConfigFileSpec, ports: Mapping[str, int]) -> str | None:
    """The initial content of a missing file; None if it is not created."""
    if spec.template:
        template = file.read(folder, spec.template)
        if template.exists:
            return template.text
    return fill(spec.content, ports) if spec.content else None


def _value_from_file(folder: Path, found: ValueFromFile) -> str:
    try:
        with Root(folder) as root, root.open_regular(found.file) as opened:
            text = opened.read(SEARCH_LIMIT_BYTES).decode("utf-8-sig", "replace")
    except OSError as error:
        raise DeploymentFailed(
            f"无法读取 {found.file}：{error.strerror}", f"Cannot read {found.file}: {error.strerror}"
        ) from None
    match = expressions.compiled(f"(?m){found.pattern}").search(text)
    if match is None or match[1] is None:
        raise DeploymentFailed(
            f"{found.file} 中找不到 {found.pattern}", f"{found.file} has no match for {found.pattern}"
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
        f"配方中的 {path} 不是 TOML、JSON 或 .env", f"{path} in the recipe is not a TOML, JSON or .env file"
    )


def _for_file(component: Component, spec: ConfigFileSpec, error: LauncherError) -> LauncherError:
    kind = InsufficientSpace if isinstance(error, InsufficientSpace) else DeploymentFailed
    return kind(
        f"{component.name} 的 {spec.path}：{error.text.zh}",
        f"{spec.path} of {component.name}: {error.text.en}",
    )
