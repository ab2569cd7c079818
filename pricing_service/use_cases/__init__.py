"""Load, decide by calling the domain, save, record the event: one module per capability."""
