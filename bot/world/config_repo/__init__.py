"""The allowlist repository: read from a folder, a bare repository or a URL, and written as commits or files.

The home of GitPython, which only `running.py` imports. `ConfigRepo` is the door; the other rooms hold one thing each:
`address` what a person named, `running` git itself, `reading` and `writing` commits, `folder` and `work_tree` files on
disk, `mirror` the copy of a URL, `starting` new repositories.
"""

from bot.world.config_repo.repository import ConfigRepo
from bot.world.config_repo.starting import copy_repository, new_repository
from bot.world.config_repo.values import POSTERN, Author, Commit, Limits, Snapshot, Source, Wanted
from bot.world.config_repo.work_tree import write_to_folder

__all__ = [
    "POSTERN",
    "Author",
    "Commit",
    "ConfigRepo",
    "Limits",
    "Snapshot",
    "Source",
    "Wanted",
    "copy_repository",
    "new_repository",
    "write_to_folder",
]
