"""Equal subscriptions share the answers to events, and no others do."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest_asyncio
from strawberry.types import ExecutionResult

from mailauncher.errors import Text
from mailauncher.events import InstanceChanged
from resolvers.context import Context
from resolvers.running.live_instances import StatusOverride
from schema import root
from schema.context import Reader, RequestContext
from schema.loaders import Loaders
from schema.shared_events import ANSWERS_KEPT, SharedAnswers, Subscriber, encoded
from store.journal import Kind
from terminals.states import Failure, State
from tests.support.context import add_bot

CHANGES = "subscription ($id: ID) { instanceChanged(id: $id) { instance { status reason } } }"
NOTED = "subscription { instanceChanged { instance { status recentEvents(first: 1) { kind } } } }"
EVENTS = "subscription { events { message } }"


class Follower:
    """A subscriber, who waits for the next answer at any time."""

    def __init__(self, stream: AsyncGenerator[Any, None]) -> None:
        self._stream = stream
        self._next = asyncio.ensure_future(anext(stream))

    async def answer(self) -> ExecutionResult:
        async with asyncio.timeout(30):
            answer: ExecutionResult = await self._next
        self._next = asyncio.ensure_future(anext(self._stream))
        return answer

    async def leave(self) -> None:
        self._next.cancel()
        with suppress(asyncio.CancelledError):
            await self._next
        await self._stream.aclose()


class Followers:
    """Subscribers of one schema, as the endpoint has them."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.schema = root.create(ctx.settings)
        self._following: list[Follower] = []

    async def follow(self, document: str, language: str = "zh", **variables: object) -> Follower:
        """Returns once it follows the bus."""
        context = RequestContext(self.ctx, Loaders(self.ctx), Reader(language))
        before = len(self.ctx.bus._subscriptions)
        found = Follower(await self.schema.stream(document, variables, context))
        self._following.append(found)
        async with asyncio.timeout(30):
            while len(self.ctx.bus._subscriptions) == before:
                await asyncio.sleep(0)
        return found

    async def leave(self) -> None:
        for follower in self._following:
            await follower.leave()


@pytest_asyncio.fixture
async def followers(ctx: Context) -> AsyncIterator[Followers]:
    found = Followers(ctx)
    yield found
    await found.leave()
    assert len(found.schema.events) == 0


async def test_equal_subscribers_get_one_answer_and_others_their_own(
    followers: Followers, ctx: Context, tmp_path: Path
) -> None:
    """An event was executed and encoded for each subscriber."""
    bot = await add_bot(ctx, tmp_path / "bot")
    equal = [await followers.follow(CHANGES) for _ in range(3)]
    english = await followers.follow(CHANGES, "en")
    alone = await followers.follow(CHANGES, id=bot.id)
    assert len(followers.schema.events) == 3
    why = Failure(reason=Text("原因", "the reason"), at=0)
    ctx.live.override(bot.id, StatusOverride(State.FAILED, why))
    first, *others = [await follower.answer() for follower in equal]
    assert all(answer is first for answer in others)
    translated, filtered = await english.answer(), await alone.answer()
    assert "原因" in first.encoded.decode()  # type: ignore[attr-defined]
    assert "the reason" in translated.encoded.decode()  # type: ignore[attr-defined]
    assert filtered is not first
    assert filtered.encoded == first.encoded  # type: ignore[attr-defined]


async def test_an_instance_that_changes_back_is_answered_anew(
    followers: Followers, ctx: Context, tmp_path: Path
) -> None:
    """Its third view equals the first, but what the answer says beside it has changed since."""
    bot = await add_bot(ctx, tmp_path / "bot")
    both = [await followers.follow(NOTED) for _ in range(2)]
    shown = []
    kinds: tuple[Kind, ...] = ("failed", "retry", "deployment-failed")
    for kind, state in zip(kinds, (State.FAILED, State.STARTING, State.FAILED), strict=True):
        await ctx.store.journal.note(kind, "test", Text("", ""), bot.id)
        ctx.live.override(bot.id, StatusOverride(state))
        one, other = [await follower.answer() for follower in both]
        assert one is other
        shown.append(one.encoded.decode())  # type: ignore[attr-defined]
    assert [f'"{kind}"' in text for kind, text in zip(kinds, shown, strict=True)] == [True] * 3


async def test_a_subscriber_who_leaves_takes_no_answer_from_the_others(
    followers: Followers, ctx: Context, tmp_path: Path
) -> None:
    """The one who comes first executes for all: here he leaves in the middle of it."""
    bot = await add_bot(ctx, tmp_path / "bot")
    first, other = await followers.follow(NOTED), await followers.follow(NOTED)
    ctx.bus.publish(InstanceChanged(bot.id))
    async with asyncio.timeout(30):
        while not any(shared.tasks for shared in followers.schema.events._followed.values()):
            await asyncio.sleep(0)
    await first.leave()
    assert (await other.answer()).errors is None


async def test_every_event_of_the_journal_reaches_a_follower_once(followers: Followers, ctx: Context) -> None:
    """Also where it resumes at an event that is in the database only, and goes on with those in memory."""
    for number in range(3):
        await ctx.store.journal.note("add", "test", Text(f"早{number}", ""))
    begin = (await ctx.store.journal.after(0, 1))[0]["id"]
    ctx.store.journal._newest.popleft()
    resumed = Follower(
        await followers.schema.stream(
            "subscription ($after: ID) { events(after: $after) { message } }",
            {"after": str(begin)},
            RequestContext(ctx, Loaders(ctx)),
        )
    )
    followers._following.append(resumed)
    fresh = await followers.follow(EVENTS)
    texts = [(await resumed.answer()).encoded.decode() for _ in range(2)]  # type: ignore[attr-defined]
    for number in range(3):
        await ctx.store.journal.note("add", "test", Text(f"晚{number}", ""))
    texts += [(await resumed.answer()).encoded.decode() for _ in range(3)]  # type: ignore[attr-defined]
    assert [text[-6:-4] for text in texts] == ["早1", "早2", "晚0", "晚1", "晚2"]
    assert "晚0" in (await fresh.answer()).encoded.decode()  # type: ignore[attr-defined]


async def test_a_follower_whose_cursor_the_journal_has_lost_gets_the_next_event(
    followers: Followers, ctx: Context
) -> None:
    """A power cut may take the newest events with their numbers, and a subscriber waited until these had come again."""
    await ctx.store.journal.note("start", "test", Text("早", ""))
    cursor = await ctx.store.journal.last() + 5
    query = "subscription ($after: ID) { events(after: $after) { message } }"
    follower = await followers.follow(query, after=str(cursor))
    await ctx.store.journal.note("start", "test", Text("晚", ""))
    assert "晚" in (await follower.answer()).encoded.decode()  # type: ignore[attr-defined]


async def test_kept_answers_of_a_subscription_are_bounded() -> None:
    shared = SharedAnswers()
    shared.subscribers = 2
    subscriber = Subscriber(shared)
    for number in range(2 * ANSWERS_KEPT):
        await subscriber.answer(number, lambda event: encoded(event, None))
    assert len(shared._kept) == ANSWERS_KEPT
    for number in range(4):
        await subscriber.answer(number, lambda event: encoded("x" * (1 << 20), None))
    assert len(shared._kept) == 1
    shared.subscribers = 1
    await subscriber.answer("alone", lambda event: encoded(event, None))
    assert shared.find("alone") is None
