"""Static files by owner (core, a plugin, a theme), and the import map that leads to them.

The address of a file holds a hash of its owner's whole folder, so it may be cached for ever,
and relative imports between the modules of one owner stay within one version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

CORE: Final = "core"
LONGEST: Final = 255
"""No file system has longer names."""
_LIT: Final = {
    "lit": "vendor/lit/index.js",
    "lit/": "vendor/lit/",
    "lit-html": "vendor/lit-html/lit-html.js",
    "lit-html/": "vendor/lit-html/",
    "lit-element/": "vendor/lit-element/",
    "@lit/reactive-element": "vendor/reactive-element/reactive-element.js",
    "@lit/reactive-element/": "vendor/reactive-element/",
    "@offhook/bus": "js/bus.js",
    "@offhook/ui": "js/ui.js",
}
PRELOADED: Final = (
    "vendor/lit/index.js",
    "vendor/lit-html/lit-html.js",
    "vendor/lit-element/lit-element.js",
    "vendor/reactive-element/reactive-element.js",
    "js/bus.js",
    "js/ui.js",
)


class Assets:
    """The static folders of this installation. ``dev``: hash again when a file has changed."""

    def __init__(self, folders: Mapping[str, Path], *, dev: bool = False) -> None:
        self._folders = {owner: path for owner, path in folders.items() if path.is_dir()}
        self._dev = dev
        self._versions = {owner: _hash(path) for owner, path in self._folders.items()}

    def __contains__(self, owner: str) -> bool:
        return owner in self._folders

    def version(self, owner: str) -> str:
        if self._dev:
            self._versions[owner] = _hash(self._folders[owner])
        return self._versions[owner]

    def url(self, root: str, owner: str, path: str = "") -> str:
        """Return the address under *root*, the path that the tenant's pages begin with."""
        return f"{root}/static/{owner}/{self.version(owner)}/{path}"

    def find(self, owner: str, path: str) -> Path | None:
        """Return the file, or ``None``: also for a path that would leave the folder."""
        folder = self._folders.get(owner)
        parts = PurePosixPath(path).parts
        if folder is None or not parts or path.startswith("/") or "\0" in path:
            return None
        if any(part.startswith(".") or len(part) > LONGEST for part in parts):
            return None
        file = folder.joinpath(*parts)
        return file if file.is_file() else None

    def import_map(self, root: str, plugins: Iterable[str]) -> dict[str, dict[str, str]]:
        """Return what a page of a tenant with *plugins* may import by name."""
        imports = {name: self.url(root, CORE, path) for name, path in _LIT.items()}
        for plugin in sorted(plugins):
            if plugin in self._folders:
                imports[f"@offhook/{plugin}/"] = self.url(root, plugin)
        return {"imports": imports}


def _hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]
