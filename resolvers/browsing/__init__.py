"""The engine behind the files of instances: who may change a folder when, and what runs in threads."""
