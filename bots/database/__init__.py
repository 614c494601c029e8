"""The database of a bot: reads its emojis and persons and, when that is safe, changes them."""
