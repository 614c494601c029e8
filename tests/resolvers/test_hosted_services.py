"""Services that the main program runs, such as the adapter from 1.0 on."""

import json

import pytest

from mailauncher.errors import InvalidParameter
from resolvers import upgrades
from resolvers.instances import NewService
from tests.support.deploying import RECIPE, SAMPLE, Bots, deploy, ended
from tests.support.git import released

pytestmark = pytest.mark.slow

HOSTED = """
name = "napcat"
kind = "service"
run = [["{python}", "main.py"]]
not_loaded = 'cannot load napcat: (.*)'

[title]
zh = "服务"
en = "The service"

[description]
zh = "由主程序运行"
en = "Run by the main program"

[install]
git = ["URL"]
ref = "main"
place = "plugins/napcat"
hosted = true
space_mb = 1
fits = { file = "manifest.json", least = "least", most = "most" }
"""


async def test_a_hosted_service_is_the_one_that_fits_the_bot_and_is_missed_if_it_is_not_loaded(
    bots: Bots,
) -> None:
    """An adapter for another version was installed, the bot did not load it, and all was said to be well."""
    bots.recipe(RECIPE.replace('brings = ["napcat", "nonebot-ada"]', ""))
    ranges = {"old": ("0.12.0", "0.12.2"), "new": ("0.12.3", "0.12.3")}
    texts = {
        name: {"RELEASE": name, "manifest.json": json.dumps({"least": least, "most": most})}
        for name, (least, most) in ranges.items()
    }
    service = released(bots.folder / "service", tags=texts)
    (bots.folder / "data" / "recipes" / "napcat.toml").write_text(HOSTED.replace("URL", service.url), "utf-8")
    complaint = "print('cannot load napcat: no such key', flush=True)\n"
    bots.repository.commit({"bot.py": complaint + (SAMPLE / "bot.py").read_text("utf-8")})
    for version in ("0.12.2", "0.12.3", "1.0.0"):
        bots.repository.commit({"VERSION": version})
        bots.repository.tag(version)
    missing = "The service (napcat) was not loaded: no such key"
    release = bots.target("bot") / "plugins" / "napcat" / "RELEASE"
    async with bots.parts() as ctx:
        begun = await deploy(
            ctx, version="0.12.2", services=(NewService("napcat"),), auto_start=True, accept_terms=True
        )
        done = await ended(ctx, begun.instance_id)
        assert (done.status, done.message.en) == ("completed", f"It is installed, but: {missing}")
        assert release.read_text() == "old"
        await upgrades.upgrade(ctx, begun.instance_id, "0.12.3")
        done = await ended(ctx, begun.instance_id)
        assert (done.status, done.message.en) == ("completed", f"The version is now 0.12.3, but: {missing}")
        assert release.read_text() == "new"
        none = r"No release .* napcat fits version 1\.0\.0 .*0\.12\.3 - 0\.12\.3"
        with pytest.raises(InvalidParameter, match=none):
            await upgrades.upgrade(ctx, begun.instance_id, "1.0.0")
