"""A bot's licence and privacy texts: those that a version offers, and those that the user has accepted."""
