"""Cells of the CSV files that pricing writes, for whoever opens them in a spreadsheet."""

_OPENS_A_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # full-width ones are taken for the same


def safe_cell(text: str) -> str:
    """A text that a spreadsheet will not take for a formula: `'` before it says that it is none."""
    risky = text[:1] in ("\t", "\r", "\n") or text.lstrip().startswith(_OPENS_A_FORMULA)
    return f"'{text}" if text and risky else text
