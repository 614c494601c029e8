"""The real thing, where it can be had: opt-in, because it takes minutes, gigabytes and a package index."""
