"""Longer parts of texts that many rows of a block have, on PostgreSQL: so that these rows need not be looked at one by one.

The rows of a block are looked at once, when all of them are there. What is in few of them is left out: those few are found by
shorter words, and compared with the row.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from store import words

FREQUENT = 4
"""Rows of a block with the same part. Half of that would double the index, and save 2 ms of searches in 200,000 rows."""
CHARACTERS = 1 << 19
"""Of the texts of a block: more are not looked into, since that would take seconds."""


def find(rows: Iterable[Mapping[str, object]]) -> dict[int, list[int]]:
    """The numbers of the parts that FREQUENT rows or more have, and the `seq` of those rows."""
    texts = [
        (int(str(row["seq"])), str(row["instance_id"]), text)
        for row in rows
        for text in words.texts_of(str(row["search"]))
    ]
    if sum(len(text) for _, _, text in texts) > CHARACTERS:
        return {}
    found: dict[int, list[int]] = {}
    length = words.LONGEST + 1
    begins = [(one, at) for one, (_, _, text) in enumerate(texts) for at in range(len(text) - length + 1)]
    # What is in few rows with one length is in few with the next one, too.
    while begins and length <= words.LONGEST_FREQUENT:
        having: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        for one, at in begins:
            seq, instance_id, text = texts[one]
            having[instance_id, text[at : at + length]].add(seq)
        frequent = {part: seqs for part, seqs in having.items() if len(seqs) >= FREQUENT}
        found |= {words.number(*part): sorted(seqs) for part, seqs in frequent.items()}
        begins = [
            (one, at)
            for one, at in begins
            if (texts[one][1], texts[one][2][at : at + length]) in frequent
            and at + length < len(texts[one][2])
        ]
        length += 1
    return found
