"""Edit text and keep every byte that the change does not need; places for messages."""
