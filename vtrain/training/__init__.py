"""PPO training: vectorised environment, warm start, curriculum, updates, exact state."""
