"""Services start after those that they need, whatever their order in the instance."""

from pathlib import Path

from tests.support.context import PATIENT_BOT, add_bot, parts

RECIPE = """
name = "{name}"
kind = "service"
run = [["{{python}}", "main.py"]]
needs = {needs}
title = {{ zh = "{name}", en = "{name}" }}
description = {{ zh = "{name}", en = "{name}" }}
"""


async def order_of(folder: Path, **needs: list[str]) -> list[str]:
    """The names of an instance's programs in the order in which they start; its services are added in this order."""
    recipes = folder / "data" / "recipes"
    recipes.mkdir(parents=True)
    for name, wanted in needs.items():
        (recipes / f"{name}.toml").write_text(RECIPE.format(name=name, needs=wanted), "utf-8")
    async with parts(folder) as ctx:
        bot = await add_bot(ctx, folder / "bot", **dict.fromkeys(needs, PATIENT_BOT))
        return list(ctx.live.supervisor(bot.id).programs)


async def test_a_service_comes_after_those_that_it_needs(tmp_path: Path) -> None:
    found = await order_of(tmp_path, last=["main", "middle"], middle=["main", "first"], first=["main"])
    assert found == ["main", "first", "middle", "last"]


async def test_services_that_need_each_other_in_a_circle_are_still_listed(tmp_path: Path) -> None:
    assert sorted(await order_of(tmp_path, one=["two"], two=["one"])) == ["main", "one", "two"]
