"""What the product does, as plain async functions that know no transport."""
