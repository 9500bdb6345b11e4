"""Redis as a follower of the changelog: what is dirty is scored, written under guard, and counted."""
