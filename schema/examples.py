"""Operations that show real data of any server: what the explorer begins with, and an example in the reference."""

from pathlib import Path

QUERY = Path(__file__).with_name("examples.graphql").read_text("utf-8")
