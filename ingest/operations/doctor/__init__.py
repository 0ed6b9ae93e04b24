"""``lightship doctor``: what is wrong, in words, with the exact thing to do."""
