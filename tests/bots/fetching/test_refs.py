"""Names of tags and branches, and the ones that a remote repository has."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.fetching import refs as references
from bots.fetching.ref_name import check_ref
from bots.fetching.refs import remote_refs
from bots.fetching.repository_url import LOCAL_SCHEMES
from mailauncher.errors import InvalidParameter
from tests.support.git import GitServer, Repository, failure_of

# Names


@pytest.mark.parametrize(
    "ref",
    ["main", "1.2.1", "v4.18.19", "0.6.3-fix4-alpha", "perf/starting_time", "claude/x-Q9GVh", "_", "a" * 100],
)
def test_common_names_are_accepted(ref: str) -> None:
    check_ref(ref)


@pytest.mark.parametrize(
    "ref",
    [
        *(
            "",
            "a" * 101,
            "-b",
            "--upload-pack=x",
            "/a",
            "a/",
            ".a",
            "a.",
            "a..b",
            "a//b",
            "a/.b",
            "a@{1}",
            "@",
            "HEAD^",
        ),
        *(
            "a.lock",
            "a.lock/b",
            "a b",
            "a\n",
            "a\0",
            "a~1",
            "a:b",
            "a?",
            "a*",
            "a[b",
            "a\\b",
            "a;b",
            "$(a)",
            "版本",
            "ａ",
            "1.0\n",
        ),
    ],
)
def test_names_with_a_meaning_for_git_or_a_shell_are_refused(ref: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        check_ref(ref)
    assert caught.value.field == "version"


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.text(alphabet="ab1./-_l", min_size=1, max_size=8)
    | st.sampled_from(["a.lock", "a/b.lock", "a.lock/b", "lock"])
)
def test_git_accepts_every_accepted_name(tmp_path_factory: pytest.TempPathFactory, ref: str) -> None:
    try:
        check_ref(ref)
    except InvalidParameter:
        return
    folder = tmp_path_factory.mktemp("names") / "repository"
    Repository(folder).git("check-ref-format", f"refs/tags/{ref}")


# What a repository has


@pytest.mark.parametrize("way", ["file", "http"])
async def test_tags_and_branches_have_their_commits(
    repository: Repository, server: GitServer, way: str
) -> None:
    url = repository.url if way == "file" else server.url(repository)
    refs = await remote_refs([url], LOCAL_SCHEMES)
    assert refs.tags == {name: repository.git("rev-parse", name) for name in ("1.0.0", "1.1.0")}
    assert refs.branches == {name: repository.git("rev-parse", name) for name in ("main", "dev")}
    assert refs.source == url


async def test_an_annotated_tag_has_its_commit(repository: Repository) -> None:
    repository.tag("1.2.0", annotated=True)
    refs = await remote_refs([repository.url], LOCAL_SCHEMES)
    assert refs.tags["1.2.0"] == repository.head
    assert refs.tags["1.2.0"] != repository.git("rev-parse", "1.2.0")


async def test_names_that_are_not_accepted_are_left_out(repository: Repository) -> None:
    for name in ("版本一", "a@b", "x" * 101, "$(touch)", "a;b", "ｍ"):
        repository.git("update-ref", f"refs/tags/{name}", "HEAD")
    repository.git("update-ref", "refs/heads/-x", "HEAD")
    refs = await remote_refs([repository.url], LOCAL_SCHEMES)
    assert refs.tags.keys() == {"1.0.0", "1.1.0"}
    assert refs.branches.keys() == {"main", "dev"}


async def test_an_empty_repository_has_nothing(tmp_path: Path) -> None:
    refs = await remote_refs([Repository(tmp_path / "empty").url], LOCAL_SCHEMES)
    assert (refs.tags, refs.branches, refs.default) == ({}, {}, "")


async def test_without_tags_and_main_the_default_branch_is_known(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "old", branch="trunk")
    repository.commit()
    repository.branch("attic")
    assert (await remote_refs([repository.url], LOCAL_SCHEMES)).default == "trunk"


async def test_a_repository_with_too_many_names_is_refused(repository: Repository) -> None:
    commit = repository.head
    lines = "".join(f"{commit} refs/tags/1.0.{n}\n" for n in range(references.REFS + 1))
    (repository.folder / ".git/packed-refs").write_text(lines, "ascii")
    assert f"more than {references.REFS}" in await failure_of(repository.url)


async def test_the_size_of_an_answer_is_limited(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(references, "REFS_BYTES", 100)
    assert "exceeds 100 bytes" in await failure_of(repository.url)
