"""What the weights say of neurons: effects on logits, norms, biases, cosines."""
