"""The catalogue's rules: pure functions over values. Standard library and `services.errors` only."""
