"""BSG REST v1 (API 1.0): sending SMS, their status by id, reference and task, and the balance."""
