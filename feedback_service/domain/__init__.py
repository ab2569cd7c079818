"""The rules of feedback: pure functions and values; time, identifiers and text come in as arguments."""
