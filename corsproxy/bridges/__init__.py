"""Into corsproxy from other tools: what people copy out of a browser becomes a question to the policy."""
