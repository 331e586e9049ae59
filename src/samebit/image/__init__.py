"""Images: manifest model, file trees, base index, difference of trees, layers."""
