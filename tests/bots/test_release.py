"""The order of releases by MaiBot's names."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.release import is_stable, is_within, key

MAIBOT = [
    *("0.6.3-alpha", "0.6.3-fix3-alpha", "0.6.3-fix4-alpha", "0.7.0-alpha", "0.8.0-alpha", "0.8.1-alpha"),
    *("0.9.0-alpha", "0.10.0-alpha", "0.10.1-alpha", "0.10.2-beta", "0.10.3-beta"),
    *(f"0.11.{n}-beta" for n in range(7)),
    *(f"0.12.{n}" for n in range(4)),
    *(f"1.0.0-pre.{n}" for n in range(1, 25)),
    *(f"1.0.0-rc.{n}" for n in range(1, 5)),
    *(f"1.0.{n}" for n in range(13)),
    *("1.1.0", "1.1.2", "1.1.3", "1.1.4", "1.2.0", "1.2.1"),
]
"""Tags of its repository, from the oldest to the newest."""
OTHERS = [
    "0.2.3",
    "0.4.2",
    "0.7.0",
    "1.0.1",
    "1.4.0",
    "v4.18.19",
    "v4.18.9",
    "2.0",
    "2.0.0.dev1",
    "1.0a1",
    "1.0b2",
]

tag = st.sampled_from(MAIBOT + OTHERS)
numbers = st.lists(st.integers(0, 999), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))
words = st.sampled_from(
    ["", "-alpha", "-beta", "-rc.1", "-pre.10", "-fix2", "-fix2-alpha", "+build.5", ".dev3", "a1", "-x-y-z"]
)
name = st.builds(lambda v, number, word: v + number + word, st.sampled_from(["", "v"]), numbers, words)


@given(st.permutations(MAIBOT))
def test_maibots_tags_sort_in_the_order_of_their_release(shuffled: list[str]) -> None:
    assert sorted(shuffled, key=lambda name: key(name) or ((), ())) == MAIBOT


def test_no_two_of_maibots_tags_are_the_same_release() -> None:
    assert len({key(name) for name in MAIBOT}) == len(MAIBOT)


@given(tag | name)
def test_a_leading_v_changes_nothing(release: str) -> None:
    bare = release.removeprefix("v")
    assert key(f"v{bare}") == key(bare)
    assert is_stable(f"v{bare}") == is_stable(bare)


@given(numbers)
def test_trailing_zeros_change_nothing(number: str) -> None:
    assert key(f"{number}.0") == key(number)


@given(numbers, numbers)
def test_finished_releases_sort_by_their_numbers(one: str, other: str) -> None:
    first, second = ([*map(int, text.split(".")), 0, 0, 0][:4] for text in (one, other))
    found, wanted = key(one), key(other)
    assert found is not None
    assert wanted is not None
    assert (found < wanted) == (first < second)


@given(numbers)
def test_prereleases_sort_before_a_release_and_fixes_after_it(number: str) -> None:
    stages = ["dev1", "pre.1", "pre.2", "pre.10", "alpha", "alpha.2", "beta", "rc.1", "rc.2"]
    line = [*(f"{number}-{stage}" for stage in stages), number, f"{number}-fix1", f"{number}-fix2"]
    found = [key(release) for release in line]
    assert all(one is not None and other is not None and one < other for one, other in pairwise(found))
    assert [is_stable(release) for release in line] == [*[False] * len(stages), True, True, True]


def test_only_releases_without_a_stage_are_stable() -> None:
    assert [name for name in MAIBOT if is_stable(name)] == [
        *(f"0.12.{n}" for n in range(4)),
        *(f"1.0.{n}" for n in range(13)),
        *("1.1.0", "1.1.2", "1.1.3", "1.1.4", "1.2.0", "1.2.1"),
    ]


@pytest.mark.parametrize(
    "branch", ["main", "dev", "EasyInstall-windows", "helm-chart", "latest", "", "v", "1.", "-1", "1 0"]
)
def test_other_names_have_no_sort_key(branch: str) -> None:
    assert key(branch) is None
    assert not is_stable(branch)
    assert not is_within(branch, ">=0")
    assert is_within(branch, "")


@given(tag | name)
def test_each_release_is_in_exactly_one_family(release: str) -> None:
    families = ["<0.7", ">=0.7, <0.10", ">=0.10, <1.0", ">=1.0,<1.1", ">=1.1"]
    assert sum(is_within(release, family) for family in families) == 1


@given(tag | name, numbers)
def test_a_bound_splits_all_releases_in_two(release: str, bound: str) -> None:
    assert is_within(release, f">={bound}") != is_within(release, f"<{bound}")
    assert is_within(release, f">{bound}") != is_within(release, f"<={bound}")
    assert is_within(release, f"=={bound}") == (
        is_within(release, f">={bound}") and is_within(release, f"<={bound}")
    )


@pytest.mark.parametrize(
    "release,family,held",
    [
        ("0.6.3-fix4-alpha", "<0.7", True),
        ("0.7.0-alpha", ">=0.7, <0.10", True),  # a family begins with its own alphas
        ("0.9.0-alpha", ">=0.7, <0.10", True),
        ("0.10.0-alpha", ">=0.7, <0.10", False),
        ("1.0.0-pre.1", ">=1.0", True),
        ("1.0.0-rc.4", "<1.0", False),
        ("1.2.1", ">=1.0, <2", True),
        ("v4.18.19", ">=4.18.9", True),
        ("3.12.1", "==3.12.*", True),
        ("3.12.0", "==3.12.0.*", True),
        ("3.1.2", "==3.12.*", False),
        ("3", "==3.0.*", True),
    ],
)
def test_a_version_is_in_its_family(release: str, family: str, held: bool) -> None:
    assert is_within(release, family) is held


@pytest.mark.parametrize("wanted", ["1.0", "=>1", ">=", ">=main", ">=1.0,", "~=1.0", ">=1.0 <2", ">=1.0.*"])
def test_an_invalid_range_is_refused(wanted: str) -> None:
    with pytest.raises(ValueError, match="not a bound of a range"):
        is_within("1.0", wanted)


@pytest.mark.slow
@given(
    st.text(max_size=200)
    | st.from_regex(r"v?[0-9]{1,30}([-._+]?[a-z]{1,9}[-._]?[0-9]{0,30})*.?", fullmatch=True)
)
def test_any_text_is_accepted_as_a_name(text: str) -> None:
    assert is_stable(text) <= (key(text) is not None)


@pytest.mark.parametrize(
    "made", ["1" + "a" * 90 + "/x", "1" + "a-" * 45 + "/", "1" + "9" * 5000, "1." * 45 + "/"]
)
def test_a_malicious_name_is_answered_quickly(made: str) -> None:
    """A branch called `1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/x` took the parser days: it tried every way to split the letters."""
    assert key(made) is None
