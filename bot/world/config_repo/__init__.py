"""The allowlist repository: read from a folder, a bare repository or a URL, and written as commits or files.

The home of GitPython, which only `running.py` imports. `ConfigRepo` is the door; the other rooms hold one thing each:
`address` what a person named, `running` git itself, `reading` and `writing` commits, `folder` and `work_tree` files on
disk, `mirror` the copy of a URL, `starting` new repositories. What the forges need of them is named here, so that
nobody outside knows the rooms.
"""

from bot.world.config_repo.following import branch_now, follow, head_now
from bot.world.config_repo.held import held
from bot.world.config_repo.mirror import folder_name
from bot.world.config_repo.origin import origin_of
from bot.world.config_repo.paths import shown
from bot.world.config_repo.reading import (
    LINK,
    Head,
    blobs,
    branch_commit,
    branch_of,
    changed_paths,
    commit_of,
    default_head,
    entries_at,
    first_merge,
    is_ancestor,
    is_branch,
    read_commit,
    refs,
    resolve,
)
from bot.world.config_repo.repository import ConfigRepo
from bot.world.config_repo.running import FETCH_SECONDS, GitDir, create_bare, network
from bot.world.config_repo.starting import copy_repository, new_repository
from bot.world.config_repo.values import POSTERN, Author, Commit, Kind, Limits, Snapshot, Source, Wanted
from bot.world.config_repo.work_tree import write_to_folder
from bot.world.config_repo.writing import graft, move_branch, write_commit, write_commit_object

__all__ = [
    "FETCH_SECONDS",
    "LINK",
    "POSTERN",
    "Author",
    "Commit",
    "ConfigRepo",
    "GitDir",
    "Head",
    "Kind",
    "Limits",
    "Snapshot",
    "Source",
    "Wanted",
    "blobs",
    "branch_commit",
    "branch_now",
    "branch_of",
    "changed_paths",
    "commit_of",
    "copy_repository",
    "create_bare",
    "default_head",
    "entries_at",
    "first_merge",
    "folder_name",
    "follow",
    "graft",
    "head_now",
    "held",
    "is_ancestor",
    "is_branch",
    "move_branch",
    "network",
    "new_repository",
    "origin_of",
    "read_commit",
    "refs",
    "resolve",
    "shown",
    "write_commit",
    "write_commit_object",
    "write_to_folder",
]
