"""Everything that the existing Vue client of 2025 needs in addition to, or instead of, the documented API, a module for each
noun. That client tests `status == "success"`, and speaks MaiBot's own columns where the documented API has its own names."""

from rest.existing_client import configuration, database, emojis, persons, version

OPERATIONS = (
    *configuration.OPERATIONS,
    *database.OPERATIONS,
    *emojis.OPERATIONS,
    *persons.OPERATIONS,
    *version.OPERATIONS,
)
