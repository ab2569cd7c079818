"""Catalogue: the services IT provides, their revisions, and the offerings that business units can ask for."""
