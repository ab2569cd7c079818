"""The rules of demand, one file per concept: no I/O, no clock, only stdlib and value types of the chassis."""
