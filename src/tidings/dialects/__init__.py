"""Vendor-compatible HTTP APIs in front. Each translates; none decides."""
