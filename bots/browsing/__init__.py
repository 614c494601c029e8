"""The files in a bot's folder, as somebody who looks after it lists, reads and changes them."""
