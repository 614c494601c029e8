"""What a MaiBot has learned: the emojis and persons of its own database, read and, when that is safe, written."""
