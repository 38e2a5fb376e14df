"""A simulated SMSC: a carrier over real SMPP that does what the number asks for and keeps the truth."""
