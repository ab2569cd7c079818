"""What feedback does, one module per capability: load, let the domain decide, save, record the event."""
