"""What demand does, a module per capability: load, decide by asking the domain, save, record the event."""
