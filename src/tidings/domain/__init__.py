"""Values and rules. Pure: no await, no clock, no log, no SQL, no vendor's word."""
