"""The gateway over HTTP: the archive, and the pages for people."""
