"""Responses without an end of their own, such as server-sent events."""

ENDLESS = "mailauncher.endless"
"""Key in the scope of a request whose response is one. The application sets it before the response begins; the server ends
such a response when it stops, and does not wait for it."""
