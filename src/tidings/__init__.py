"""Tidings: a self-hosted messaging gateway that can always say what happened to a message."""
