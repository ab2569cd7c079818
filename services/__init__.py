"""The chassis that every app stands on, and the command that runs them all."""
