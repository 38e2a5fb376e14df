"""How fast the gateway is on this machine: real processes, a durable database, and a load generator of our own."""
