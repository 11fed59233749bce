"""The brain: pure, typed, no I/O. What touches the world stands in bot/."""
