"""BSG One API (API 2.0): JWT login, message lists, SMS campaigns."""
