"""Tidings' own API: what no vendor's vocabulary can say."""
