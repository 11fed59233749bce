"""HTTP beside Slack: health."""
