"""What a signed-in customer sees of its own data, before or instead of downloading it."""
