"""What neurons do on text: summaries, top examples, means by token, n-grams, relation to a label."""
