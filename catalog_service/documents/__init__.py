"""Catalogue documents as text: YAML and JSON read mark by mark with their lines, and written entry by entry."""

from catalog_service.documents.faults import KEPT_FAULTS, FaultList
from catalog_service.documents.json_marks import json_marks
from catalog_service.documents.marks import Mark, NotReadable
from catalog_service.documents.tree import Entry, Path, line_of, read_catalogue, read_entities
from catalog_service.documents.write import JsonWriter, Writer, YamlWriter, written
from catalog_service.documents.yaml_marks import yaml_marks

__all__ = [
    "KEPT_FAULTS",
    "Entry",
    "FaultList",
    "JsonWriter",
    "Mark",
    "NotReadable",
    "Path",
    "Writer",
    "YamlWriter",
    "json_marks",
    "line_of",
    "read_catalogue",
    "read_entities",
    "written",
    "yaml_marks",
]
