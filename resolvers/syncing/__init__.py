"""Synchronises emojis and persons with the bot's own database, in both directions."""
