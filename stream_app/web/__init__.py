"""What every HTTP listener of ours is made of: the listener, answers in JSON, problem documents."""
