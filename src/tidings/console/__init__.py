"""Pages for people: server-rendered, read-only, behind a login, and working without a script."""
