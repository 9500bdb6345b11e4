"""Redis as a follower of the changelog: what is dirty is scored and written under guard."""
