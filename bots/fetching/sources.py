"""Several sources of one repository: asking them in turn, and what to report when they fail."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeVar
from urllib.parse import unquote

from bots.fetching.repository_url import SCHEMES, USERINFO, redacted
from mailauncher.errors import DownloadFailed, InvalidParameter, Text
from mailauncher.log import mask

log = logging.getLogger(__name__)
T = TypeVar("T")

PATIENCE_S = 3.0
"""After this much silence of one source, the next one is asked as well."""


class Sources(NamedTuple):
    """The URLs of a recipe's repository in order of preference, and the transports that git may use for them."""

    urls: tuple[str, ...]
    schemes: tuple[str, ...] = SCHEMES


async def first_answer(
    urls: Sequence[str], ask: Callable[[str], Awaitable[T]], patience_s: float = PATIENCE_S
) -> T:
    """What `ask` returns for the first source that answers. Each source is asked once the one before it has failed, or has
    been silent for `patience_s`.

    Raises DownloadFailed with the reason of each source; each failure is logged too.
    """
    waiting = list(dict.fromkeys(urls))
    asked: dict[asyncio.Future[T], str] = {}
    failures: list[tuple[str, Text]] = []
    try:
        while waiting or asked:
            if waiting:
                url = waiting.pop(0)
                asked[asyncio.ensure_future(ask(url))] = url
            done, _ = await asyncio.wait(
                asked, timeout=patience_s if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                url = asked.pop(task)
                try:
                    return task.result()
                except (DownloadFailed, InvalidParameter) as error:
                    failures.append(source_failure(url, error.text))
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    raise all_failed(failures)


def source_failure(url: str, why: Text) -> tuple[str, Text]:
    """Logs that a source failed. Returns its URL and the reason, both without secrets."""
    address = redacted(url)
    text = Text(*(_without_secrets(reason, url) for reason in why))
    log.warning("source %s: %s", address, text.en)
    return address, text


def all_failed(failures: Sequence[tuple[str, Text]]) -> DownloadFailed:
    """The error to raise when every source has failed."""
    zh = "；".join(f"{url}：{text.zh}" for url, text in failures) or "没有配置来源"
    en = "; ".join(f"{url}: {text.en}" for url, text in failures) or "none is configured"
    return DownloadFailed(
        f"没有可用的来源（{zh}）。请检查网络与代理，或在设置中更换来源（github_mirror、sources）",
        f"No source could be used ({en}). Check network and proxy, or choose another source in the settings (github_mirror, sources)",
    )


def _without_secrets(text: str, url: str) -> str:
    user = USERINFO.search(url)
    found = user[0].removeprefix("://").removesuffix("@") if user else ""
    secrets = {url, found, found.partition(":")[2]}
    for secret in sorted(secrets | {unquote(secret) for secret in secrets}, key=len, reverse=True):
        if secret:
            text = text.replace(secret, redacted(secret) if secret == url else "***")
    return mask(text)
