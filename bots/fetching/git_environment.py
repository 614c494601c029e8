"""The options and environment with which git runs here: it never asks for input, and runs no program that a repository
names."""

import os
from collections.abc import Mapping, Sequence

from bots.fetching.repository_url import SCHEMES, login_of, split_userinfo

_STALLED_S = 60

# Only these of the environment's GIT_* are passed on: they say how to reach a host. The others may name another
# repository, or print passwords.
_PASSED_ON = ("GIT_SSH", "GIT_SSL_", "GIT_PROXY_", "GIT_HTTP_PROXY_", "GIT_CONFIG", "GIT_EXEC_PATH")
# The user's configuration applies, for its proxies, certificates and credentials; these settings of it could run programs.
_SETTINGS = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "protocol.ext.allow=never",
    "submodule.recurse=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "credential.interactive=false",
    "http.lowSpeedLimit=1",
    f"http.lowSpeedTime={_STALLED_S}",
)
# The MAILAUNCHER_ prefix keeps them out of the environment of every other program that is started.
_USER, _PASSWORD = "MAILAUNCHER_GIT_USER", "MAILAUNCHER_GIT_PASSWORD"
_HELPER = (
    '!f() { if test "$1" = get; then '
    f'printf \'username=%s\\npassword=%s\\n\' "${_USER}" "${_PASSWORD}"; fi; }}; f'
)


def git_options() -> list[str]:
    """The options between `git` and its command."""
    return [word for setting in _SETTINGS for word in ("-c", setting)]


def git_environment(schemes: Sequence[str] = SCHEMES, login: str = "") -> dict[str, str]:
    """This process's environment for git: only the given transports, English messages, and no prompt for a password by
    git, ssh or a credential helper. `login`: a URL whose user and password git gets."""
    passed_on = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MAILAUNCHER_")
        and (not name.startswith("GIT_") or name.startswith(_PASSED_ON))
    }
    fixed = {
        "LC_ALL": "C.UTF-8",
        "LANGUAGE": "",
        "GIT_ALLOW_PROTOCOL": ":".join(schemes),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "false",
        "SSH_ASKPASS_REQUIRE": "force",
        "GCM_INTERACTIVE": "never",
    }
    return passed_on | _credentials(login, passed_on) | fixed


def _credentials(url: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that give git the user and password of a URL, for its host only and from no other source."""
    login = login_of(url)
    if login is None:
        return {}
    split, _ = split_userinfo(url)
    before = environment.get("GIT_CONFIG_COUNT", "")
    count = int(before) if before.isdecimal() else 0
    found = {"GIT_CONFIG_COUNT": str(count + 2), _USER: login[0], _PASSWORD: login[1]}
    for number, helper in enumerate(("", _HELPER), count):  # the empty one clears the user's own helpers
        found[f"GIT_CONFIG_KEY_{number}"] = f"credential.{split.scheme}://{split.netloc}.helper"
        found[f"GIT_CONFIG_VALUE_{number}"] = helper
    return found
