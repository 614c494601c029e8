"""Configuration files as text: TOML, JSON and `.env`, edited so that only what is named changes.

`toml`, `json` and `env` have the same four functions: `read`, `merge`, `set_value`, `unset`. They are pure: text in, text
out. An edit replaces the pieces of text that must change and leaves every other byte; then the result is read back and
compared with what was wanted, so that a mistake is an error and never a damaged file. `file` brings texts to disk and back.
"""
