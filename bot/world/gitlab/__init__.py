"""GitLab as the forge. The home of python-gitlab, which only `calls.py` imports.

`forge` does what `bot/world/forge.py` demands, `calls` is every REST call once, `words` what is written into merge
requests so that it is found again, `token` what `doctor` says of our own access.
"""

from bot.world.gitlab.calls import Calls, Project
from bot.world.gitlab.forge import GitLabForge, authorization, project_path
from bot.world.gitlab.token import token_findings

__all__ = ["Calls", "GitLabForge", "Project", "authorization", "project_path", "token_findings"]
