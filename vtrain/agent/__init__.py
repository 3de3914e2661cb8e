"""A trained policy used on images, without torch."""

from vtrain.agent.agent import TraceAgent, TraceResult
from vtrain.agent.network import PolicyNetwork

__all__ = ["PolicyNetwork", "TraceAgent", "TraceResult"]
