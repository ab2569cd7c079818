"""The sample organisation: what it is (organisation), what its IT costs (costs), and how it gets in (load)."""
