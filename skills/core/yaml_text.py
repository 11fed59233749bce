"""Edit text and keep every byte that the change does not need; places for messages. (TEMPORARY stand-in: helper-1 replaces this file.)"""
from __future__ import annotations
from dataclasses import dataclass
from typing import Any
import yaml
from skills.core.model import Finding, Place, finding
class Map(dict[Any, Any]):
    line: int; lines: dict[Any, int]
class Seq(list[Any]):
    line: int; lines: list[int]
@dataclass(frozen=True, slots=True)
class Document:
    path: str; index: int; data: Any; line: int; rows: tuple[str, ...]
    def _at(self, line: int) -> Place:
        return Place(self.path, line, self.rows[line-1].strip()[:200] if 0 < line <= len(self.rows) else "")
    def place(self, container: Any = None, key: Any = None) -> Place:
        if container is None: return self._at(self.line)
        if key is None: return self._at(container.line)
        return self._at(container.lines[key])
    def at(self, *path: str | int) -> Any:
        d = self.data
        for p in path:
            try: d = d[p]
            except (KeyError, IndexError, TypeError): return None
        return d
    def place_of(self, *path: str | int) -> Place:
        d = self.data; line = self.line
        for p in path:
            try: line, d = d.lines[p], d[p]
            except (KeyError, IndexError, TypeError, AttributeError): break
        return self._at(line)
@dataclass(frozen=True, slots=True)
class Unreadable:
    path: str; line: int; finding: Finding
def _build(n: Any, c: Any) -> Any:
    if isinstance(n, yaml.MappingNode):
        c.flatten_mapping(n); m = Map(); m.line = n.start_mark.line + 1; m.lines = {}
        for k, v in n.value:
            kk = _build(k, c); m[kk] = _build(v, c); m.lines[kk] = k.start_mark.line + 1
        return m
    if isinstance(n, yaml.SequenceNode):
        s = Seq(); s.line = n.start_mark.line + 1; s.lines = []
        for v in n.value: s.append(_build(v, c)); s.lines.append(v.start_mark.line + 1)
        return s
    return c.construct_object(n) if n.tag != "tag:yaml.org,2002:timestamp" else n.value
def read_documents(path: str, text: str | bytes) -> tuple[list[Document], list[Unreadable]]:
    t = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    rows = tuple(t.splitlines()); out: list[Document] = []
    try:
        loader = yaml.CSafeLoader(t); pure = yaml.SafeLoader("")
        i = 0
        while loader.check_node():
            n = loader.get_node(); out.append(Document(path, i, _build(n, pure), n.start_mark.line + 1, rows)); i += 1
    except yaml.YAMLError as e:
        line = getattr(getattr(e, "problem_mark", None), "line", 0) + 1
        return out, [Unreadable(path, line, finding("EGR501", Place(path, line), path=path, line=line, why=str(getattr(e, "problem", ""))))]
    return out, []
