"""Deployable versions, recipes and services, and the terms of a version."""

from enum import Enum
from typing import Annotated, cast

import strawberry

from bots import recipe as recipes
from resolvers import versions
from schema.context import Info
from schema.descriptions import LANGUAGE
from schema.scalars import Instant

BOT = "Name of the bot's recipe, such as `maibot`."
RecipeName = Annotated[str, strawberry.argument(description=BOT)]


@strawberry.enum(description="Kind of version.")
class VersionKind(Enum):
    ALIAS = strawberry.enum_value("alias", description="`latest`: the newest stable release.")
    TAG = strawberry.enum_value("tag", description="A release: always the same commit.")
    BRANCH = strawberry.enum_value("branch", description="A branch: its newest commit.")


def _commit(found: strawberry.Parent[versions.VersionView | versions.ConsentView]) -> str | None:
    return found.commit or None


def _source(found: strawberry.Parent[versions.VersionsView]) -> str | None:
    return found.source or None


@strawberry.type(description="A version of a bot that can be deployed.")
class Version:
    name: str = strawberry.field(description="Name, to be passed as `version`.")
    kind: VersionKind = strawberry.field(description="Kind of version.")
    commit: str | None = strawberry.field(
        resolver=_commit,
        description="Commit, 40 hexadecimal digits. Null: the bot is included in this program.",
    )
    stable: bool = strawberry.field(
        description="Whether it is a release without `alpha`, `beta`, `rc` or the like in its name."
    )
    target: str | None = strawberry.field(
        description="Release that an alias currently means. Null: a tag or a branch."
    )


@strawberry.type(description="Versions of a bot, cached from its repository.")
class DeployVersions:
    versions: list[Version] = strawberry.field(
        description="`latest`, `main`, then releases from newest to oldest, then other branches by name."
    )
    fetched_at: Instant = strawberry.field(description="Time when the repository was queried.")
    source: str | None = strawberry.field(
        resolver=_source,
        description="Git URL of the repository, without its password. Null: the bot is included in this program.",
    )


@strawberry.enum(description="Kind of recipe.")
class RecipeKind(Enum):
    BOT = strawberry.enum_value("bot", description="Installs the main program of an instance.")
    SERVICE = strawberry.enum_value("service", description="Installs a service beside it, such as NapCat.")


def _title(recipe: strawberry.Parent[recipes.Recipe], info: Info) -> str:
    return recipe.title.text.in_language(info.context.language)


def _description(recipe: strawberry.Parent[recipes.Recipe], info: Info) -> str:
    return recipe.description.text.in_language(info.context.language)


def _space_mb(recipe: strawberry.Parent[recipes.Recipe]) -> int:
    return recipe.install.space_mb if recipe.install else 0


def _todo(recipe: strawberry.Parent[recipes.Recipe], info: Info) -> str | None:
    todo = recipe.install.todo if recipe.install else None
    return todo.text.in_language(info.context.language) if todo else None


@strawberry.type(description="A TOML file that defines how a bot or service is installed and run.")
class Recipe:
    name: str = strawberry.field(description="Name, unique among recipes.")
    kind: RecipeKind = strawberry.field(description="Kind of recipe.")
    title: str = strawberry.field(
        resolver=_title,
        description=f"Display name, {LANGUAGE}.",
    )
    description: str = strawberry.field(resolver=_description, description=f"Description, {LANGUAGE}.")
    port: int = strawberry.field(description="Default TCP port it listens on, 1-65535. 0: none.")
    space_mb: int = strawberry.field(
        resolver=_space_mb, description="Approximate disk space for the installation in MiB."
    )
    todo: str | None = strawberry.field(
        resolver=_todo,
        description=f"What the user has to do after the installation, {LANGUAGE}; may differ for a version. Null: nothing.",
    )


@strawberry.type(description="A recipe file that cannot be used; the others can.")
class RecipeProblem:
    file: str = strawberry.field(description="Path of the file on the server.")
    problem: str = strawberry.field(
        description="Error and its position, as reported by the parser, in English."
    )


@strawberry.type(description="Recipes of deployable bots, and invalid recipe files.")
class DeployRecipes:
    recipes: list[Recipe] = strawberry.field(description="Recipes of deployable bots, sorted by name.")
    problems: list[RecipeProblem] = strawberry.field(
        description="Invalid recipe files, including those of services. Empty: none."
    )


@strawberry.type(description="A text that the user must accept before the bot can be started.")
class ConsentText:
    name: str = strawberry.field(description="File name, such as `EULA.md`.")
    text: str = strawberry.field(description="The complete original text.")
    digest: str = strawberry.field(
        description="MD5 of the text, 32 hexadecimal digits, as compared by the bot itself."
    )


@strawberry.type(description="License and privacy texts of one version of a bot.")
class Consent:
    version: str = strawberry.field(description="Tag or branch; for `latest` the tag it means.")
    commit: str | None = strawberry.field(
        resolver=_commit,
        description="Commit of the texts, 40 hexadecimal digits. Null: the bot is included in this program.",
    )
    texts: list[ConsentText] = strawberry.field(description="The texts. Empty: the bot requires no consent.")


async def _versions(
    info: Info,
    recipe: RecipeName = "maibot",
    refresh: Annotated[
        bool,
        strawberry.argument(
            description="Whether to query the repository now. False: return cached versions, and refresh old ones in the "
            "background."
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
    version: Annotated[str, strawberry.argument(description="Tag, branch, or `latest`.")],
    recipe: RecipeName = "maibot",
) -> Consent | None:
    return cast(Consent, await versions.consent(info.context.ctx, version, recipe))


@strawberry.type
class VersionQuery:
    deploy_versions: DeployVersions | None = strawberry.field(
        resolver=_versions,
        description="Deployable versions of a bot. Null only with an error: `RESOURCE_NOT_FOUND` for an unknown recipe, "
        "`DOWNLOAD_FAILED` if no source can be reached and nothing is cached.",
    )
    deploy_recipes: DeployRecipes = strawberry.field(
        resolver=_recipes,
        description="Recipes of deployable bots, and invalid recipe files.",
    )
    deploy_services: list[Recipe] = strawberry.field(
        resolver=_services, description="Services that can be deployed with a bot."
    )
    consent: Consent | None = strawberry.field(
        resolver=_consent,
        description="License and privacy texts that a user must accept for a version, installed or not. Null only with an "
        "error: `RESOURCE_NOT_FOUND`, `VERSION_NOT_FOUND`, `DOWNLOAD_FAILED`.",
    )
