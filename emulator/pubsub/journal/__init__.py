"""The data folder, in which topics, subscriptions and messages survive a restart."""
