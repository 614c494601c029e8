"""What is stored on disk: the database, its migrations, and image files."""
