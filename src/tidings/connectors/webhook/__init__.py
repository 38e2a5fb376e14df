"""Posting to customers' servers over HTTP: kept connections, bounds on everything, and no way into our own network."""
