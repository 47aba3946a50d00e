"""What survives the broker: topics, subscriptions and messages in a data folder."""
