"""What can be deployed: versions of a bot, recipes, services, and the terms of a version."""

from enum import Enum
from typing import Annotated, cast

import strawberry

from mailauncher.bots import recipe as recipes
from resolvers import versions
from schema.context import Info
from schema.scalars import Instant

BOT = "Name of the bot's recipe, such as `maibot`."
RecipeName = Annotated[str, strawberry.argument(description=BOT)]


@strawberry.enum(description="What a version is a name of.")
class VersionKind(Enum):
    ALIAS = strawberry.enum_value("alias", description="`latest`: whatever is the newest stable release.")
    TAG = strawberry.enum_value("tag", description="A release: the same commit for ever.")
    BRANCH = strawberry.enum_value("branch", description="A line of development: its newest commit.")


def _commit(found: strawberry.Parent[versions.VersionView | versions.ConsentView]) -> str | None:
    return found.commit or None


def _source(found: strawberry.Parent[versions.VersionsView]) -> str | None:
    return found.source or None


@strawberry.type(description="A version of a bot that can be deployed.")
class Version:
    name: str = strawberry.field(description="Give it as `version` to deploy it.")
    kind: VersionKind = strawberry.field(description="What it is a name of.")
    commit: str | None = strawberry.field(
        resolver=_commit,
        description="The commit that it leads to: 40 hex digits. Null for a bot that comes with this program.",
    )
    stable: bool = strawberry.field(
        description="Whether its makers call it finished: a release without `alpha`, `beta`, `rc` or the like."
    )
    target: str | None = strawberry.field(
        description="The release that an alias stands for now. Null for tags and branches."
    )


@strawberry.type(description="The versions of a bot, as its repository had them some time ago.")
class DeployVersions:
    versions: list[Version] = strawberry.field(
        description="`latest`, `main`, then releases from the newest to the oldest, then other branches by name."
    )
    fetched_at: Instant = strawberry.field(description="When the repository was asked.")
    source: str | None = strawberry.field(
        resolver=_source,
        description="The git URL that answered, without a password that it may hold. Null for a bot that comes with this "
        "program.",
    )


@strawberry.enum(description="What a recipe installs.")
class RecipeKind(Enum):
    BOT = strawberry.enum_value("bot", description="The main program of an instance.")
    SERVICE = strawberry.enum_value("service", description="A companion beside it, such as NapCat.")


def _title(recipe: strawberry.Parent[recipes.Recipe], info: Info) -> str:
    return recipe.title.text.in_language(info.context.language)


def _description(recipe: strawberry.Parent[recipes.Recipe], info: Info) -> str:
    return recipe.description.text.in_language(info.context.language)


def _space_mb(recipe: strawberry.Parent[recipes.Recipe]) -> int:
    return recipe.install.space_mb if recipe.install else 0


def _todo(recipe: strawberry.Parent[recipes.Recipe], info: Info) -> str | None:
    todo = recipe.install.todo if recipe.install else None
    return todo.text.in_language(info.context.language) if todo else None


@strawberry.type(description="How one kind of bot or service is installed and run; a TOML file.")
class Recipe:
    name: str = strawberry.field(description="Its name, unique among recipes.")
    kind: RecipeKind = strawberry.field(description="What it installs.")
    title: str = strawberry.field(
        resolver=_title,
        description="What it is called in a sentence, in the language that `Accept-Language` asks for.",
    )
    description: str = strawberry.field(
        resolver=_description, description="What it is, in the same language."
    )
    port: int = strawberry.field(
        description="The TCP port that it listens on unless told otherwise, 1-65535. 0: it listens on none."
    )
    space_mb: int = strawberry.field(
        resolver=_space_mb, description="Room on disk that installing it takes, in MiB, roughly."
    )
    todo: str | None = strawberry.field(
        resolver=_todo,
        description="What it leaves for the user to do, in the same language; a version may differ. Null: nothing.",
    )


@strawberry.type(description="A recipe's file that cannot be used; the others work.")
class RecipeProblem:
    file: str = strawberry.field(description="The file's path on the server.")
    problem: str = strawberry.field(
        description="What is wrong in it, and where: the parser's words, in English."
    )


@strawberry.type(description="The recipes of bots that can be deployed, and what is wrong with others.")
class DeployRecipes:
    recipes: list[Recipe] = strawberry.field(description="Those that can be deployed, by name.")
    problems: list[RecipeProblem] = strawberry.field(
        description="Files of recipes, of services too, that cannot be used. Empty: there are none."
    )


@strawberry.type(description="A text that a user must accept before a bot starts.")
class ConsentText:
    name: str = strawberry.field(description="The file's name, such as `EULA.md`.")
    text: str = strawberry.field(description="The whole text as the bot's makers wrote it.")
    digest: str = strawberry.field(
        description="MD5 of the text, 32 hex digits: what the bot itself compares."
    )


@strawberry.type(description="The licence and privacy texts of one version of a bot.")
class Consent:
    version: str = strawberry.field(
        description="The tag or branch; never `latest`, but what that stands for."
    )
    commit: str | None = strawberry.field(
        resolver=_commit,
        description="The commit that the texts are of: 40 hex digits. Null for a bot that comes with this program.",
    )
    texts: list[ConsentText] = strawberry.field(description="The texts. Empty: this bot asks for nothing.")


async def _versions(
    info: Info,
    recipe: RecipeName = "maibot",
    refresh: Annotated[
        bool,
        strawberry.argument(
            description="Whether to ask the repository now, instead of answering with what is known and asking in "
            "the background once that is old."
        ),
    ] = False,
) -> DeployVersions | None:
    return cast(DeployVersions, await versions.list_all(info.context.ctx, recipe, refresh=refresh))


def _recipes(info: Info) -> DeployRecipes:
    ctx = info.context.ctx
    problems = [
        RecipeProblem(file=str(file), problem=problem) for file, problem in versions.problems(ctx).items()
    ]
    return DeployRecipes(recipes=cast(list[Recipe], versions.recipes(ctx)), problems=problems)


def _services(info: Info) -> list[Recipe]:
    return cast(list[Recipe], versions.services(info.context.ctx))


async def _consent(
    info: Info,
    version: Annotated[str, strawberry.argument(description="Which version: a tag, a branch, or `latest`.")],
    recipe: RecipeName = "maibot",
) -> Consent | None:
    return cast(Consent, await versions.consent(info.context.ctx, version, recipe))


@strawberry.type
class VersionQuery:
    deploy_versions: DeployVersions | None = strawberry.field(
        resolver=_versions,
        description="The versions of a bot that can be deployed. Null only together with an error: "
        "`RESOURCE_NOT_FOUND` for an unknown recipe, `DOWNLOAD_FAILED` when no source answers and nothing is known from before.",
    )
    deploy_recipes: DeployRecipes = strawberry.field(
        resolver=_recipes,
        description="The bots that can be deployed, and the files of recipes with a mistake.",
    )
    deploy_services: list[Recipe] = strawberry.field(
        resolver=_services, description="The services that can be deployed with a bot."
    )
    consent: Consent | None = strawberry.field(
        resolver=_consent,
        description="What a user is asked to accept for a version, whether it is installed or not. Null only together "
        "with an error: `RESOURCE_NOT_FOUND`, `VERSION_NOT_FOUND`, `DOWNLOAD_FAILED`.",
    )
