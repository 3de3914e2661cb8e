"""The problem as the agent meets it: observation, action, measurement, reward, episode."""
