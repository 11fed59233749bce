"""What the skills share: model, platforms, symptoms, verdicts, drafts, words."""
