"""Change neurons in the model and see what it loses, and where."""
