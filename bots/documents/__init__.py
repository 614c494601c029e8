"""Configuration files as text: TOML, JSON and `.env`, edited so that only the named values change.

`toml`, `json` and `env` have the same four functions: `read`, `merge`, `set_value`, `unset`. They are pure: text in, text
out. An edit replaces the pieces of text that must change and keeps every other byte; then the result is read back and
compared with the intended values, so that a mistake is an error and never a damaged file. `outline` tells where each value stands and what its comment says; `file`
reads and writes texts.
"""
