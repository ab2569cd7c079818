"""The parts of README.md that are made from the code: `python -m tests.documentation` renews them, a test compares."""

import re
from pathlib import Path

from services.settings import APPS, Settings
from services.suite import definition_of

README = Path(__file__).parents[1] / "README.md"


def settings_table() -> str:
    rows = ["| variable | default | for |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, "") else f"`{field.default}`"
        rows.append(f"| `{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows)


def events_table() -> str:
    listeners: dict[str, list[str]] = {}
    for app in APPS:
        handlers = definition_of(app).all_consumers()
        for publisher in APPS:
            for event in definition_of(publisher).events:
                kinds = {h.kind for h in handlers.matching(event.event.name)}
                if kinds and app != "gateway":
                    listeners.setdefault(event.event.name, []).append(f"{app} ({', '.join(sorted(kinds))})")
    rows = ["| event | when | used by |", "|---|---|---|"]
    for app in APPS:
        for event in definition_of(app).events:
            name = event.event.name
            used = ", ".join(listeners.get(name, [])) or "-"
            rows.append(f"| `{name}` | {event.event.summary} | {used} |")
    rows.append("\nThe gateway archives them all.")
    return "\n".join(rows)


def renewed(text: str) -> str:
    for mark, made in (("settings", settings_table()), ("events", events_table())):
        between = re.compile(f"(<!-- {mark}:begin -->\n).*?(<!-- {mark}:end -->)", re.DOTALL)
        text = between.sub(lambda found, made=made: f"{found[1]}{made}\n{found[2]}", text)
    return text


if __name__ == "__main__":
    README.write_text(renewed(README.read_text()))
