"""From spans and labels of characters to labels of tokens, and the parsers of annotated text."""
