"""The application."""

import greet
import words

greet.main()
print(words.count("one two three"))
