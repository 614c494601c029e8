"""What is kept on disk: Tortoise models and their migrations."""
