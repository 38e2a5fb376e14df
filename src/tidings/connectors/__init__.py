"""The things that talk to one upstream account each."""
